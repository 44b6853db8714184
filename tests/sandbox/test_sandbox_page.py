"""The sandbox's page: what it was asked, every misbehaviour at a click, for all campaigns or exactly one."""

from sandbox.misbehaviour import ABOUT, KINDS
from tests.sandbox_process import SandboxProcess


def post(sandbox: SandboxProcess, path: str, **form: str):
    return sandbox.request("POST", path, data=form, headers={})


def test_it_says_that_no_calls_are_placed_and_lists_what_it_was_asked(sandbox: SandboxProcess) -> None:
    sandbox.create(name="<b>spring</b> · 1/2")
    page = sandbox.get("/", headers={}).text
    assert "no real calls are placed" in page
    assert "&lt;b&gt;spring&lt;/b&gt; · 1/2" in page


def test_every_misbehaviour_has_its_words(sandbox: SandboxProcess) -> None:
    assert list(ABOUT) == list(KINDS)


def test_a_rule_for_one_campaign_is_for_its_waves_and_no_other(sandbox: SandboxProcess) -> None:
    assert post(sandbox, "/misbehave", kind="throttle", campaign="spring", more="retry_after = 3").status_code == 303
    names = {"spring": 429, "spring · 2/9": 429, "spring sale": 201, "spring sale · 1/1": 201}
    assert {name: sandbox.create(name=name).status_code for name in names} == names
    assert "spring" in sandbox.get("/", headers={}).text


def test_questions_about_one_campaign_alone_can_go_wrong(sandbox: SandboxProcess) -> None:
    ids = [sandbox.create(name=name).json()["campaign_id"] for name in ("spring · 1/2", "autumn")]
    for kind, option, status in (("no_get_campaign", "", 404), ("unauthorized", "on = reads", 401)):
        assert post(sandbox, "/misbehave", kind=kind, campaign="spring", more=option).status_code == 303
        assert [sandbox.get(f"/campaigns/{one}").status_code for one in ids] == [status, 200]


def test_a_name_that_was_cut_for_the_number_of_its_wave_is_still_known(sandbox: SandboxProcess) -> None:
    name = "spring " * 36
    post(sandbox, "/misbehave", kind="throttle", campaign=name.strip())
    assert sandbox.create(name=f"{name[: 255 - len(' · 1/9')]} · 1/9").status_code == 429
    assert sandbox.create(name="spring · 1/9").status_code == 201


def test_what_does_not_fit_is_told_and_stays_typed(sandbox: SandboxProcess) -> None:
    for form, words in (
        ({"kind": "throttle", "chance": "2"}, "chance must be a number between 0 and 1"),
        ({"kind": "throttle", "times": "many"}, "times must be a number"),
        ({"kind": "throttle", "more": "nonsense"}, "should be a name, =, and a value"),
        ({"kind": "throttle", "more": "targets=[0]"}, "does not understand targets"),
        ({"kind": "dance"}, "there is no misbehaviour"),
        ({}, "there is no misbehaviour"),
    ):
        answer = post(sandbox, "/misbehave", **form)
        assert (answer.status_code, words in answer.text.replace("&#39;", "'")) == (422, True), form
        assert form.get("more", "") in answer.text
    assert sandbox.get_admin("misbehave") == {"rules": []}


def test_a_rule_is_removed_by_its_button(sandbox: SandboxProcess) -> None:
    rule = sandbox.misbehave("refuse")
    post(sandbox, "/misbehave/remove", id=str(rule["id"]))
    post(sandbox, "/misbehave/remove", id="rubbish")
    assert sandbox.get_admin("misbehave") == {"rules": []}


def test_how_it_plays_is_set_there_too(sandbox: SandboxProcess) -> None:
    assert post(sandbox, "/settings", speed="60", form="stripe", echo_context="on").status_code == 303
    told = sandbox.get_admin("settings")
    assert (told["speed"], told["form"], told["echo_context"], told["only_final_events"]) == (60, "stripe", True, False)
    assert post(sandbox, "/settings", speed="fast", form="stripe").status_code == 422


def test_another_site_presses_no_button_here(sandbox: SandboxProcess) -> None:
    answer = sandbox.request("POST", "/misbehave", data={"kind": "refuse"}, headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403
    assert sandbox.get_admin("misbehave") == {"rules": []}
