"""What `make` starts: the runner of all processes, the private Redis, and the first steps on the database."""
