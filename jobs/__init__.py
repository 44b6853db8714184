"""The work: one module per job, taking row ids. jobs/queue.py owns the queues, jobs/runtime.py what a job needs around it."""
