"""What a trainer tells, of any origin."""

from napari_medseg.project.runs import read_events


def test_damaged_events_are_passed_over(tmp_path):
    lines = [b'{"event": "epoch", "epoch": 1, "epochs": 2}', b'{"event": "epoch", "epoch": "x"}', b"[" * 9999, b"\xff"]
    lines += [b'{"event": 7}', b"{}", b'{"event": "done"}']
    (tmp_path / "events.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    events, _ = read_events(tmp_path / "events.jsonl")
    assert [event["event"] for event in events] == ["epoch", "done"]
