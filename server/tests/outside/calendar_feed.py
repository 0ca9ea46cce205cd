"""The calendar of somebody, read by a library for calendars: moments, days, Chinese text, alarms."""

import datetime
import json
import os
import urllib.request

import icalendar

URL, TOKEN = os.environ["API_URL"], os.environ["API_TOKEN"]


def ask(path, body=None):
    headers = {"content-type": "application/json", "authorization": f"Bearer {TOKEN}"}
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(URL + path, data, headers)) as answer:
        return json.load(answer)


def main():
    me = ask("/api/v1/me")["id"]
    tomorrow = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0) + datetime.timedelta(days=1)
    millis = int(tomorrow.timestamp() * 1000)
    day = tomorrow.date()
    subject = "拜访客户，带样品；讨论合同, 价格; 交货 " + "很长的主题" * 20
    for fields in [
        {"subject": subject, "when": {"start": millis, "end": millis + 3_600_000}, "reminders": [{"at": millis - 900_000}], "body": "第一行\n第二行"},
        {"subject": "two days", "when": {"start": day.isoformat(), "end": (day + datetime.timedelta(days=1)).isoformat()}},
        {"subject": "a task", "due": millis},
    ]:
        ask("/api/v1/activity", {"fields": {**fields, "assignee": me}})
    with urllib.request.urlopen(ask("/api/v1/calendars", {})["url"]) as answer:
        assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
        raw = answer.read()
    assert all(len(line) <= 75 for line in raw.split(b"\r\n")), "a line is too long"
    calendar = icalendar.Calendar.from_ical(raw)
    assert not calendar.errors, calendar.errors
    events = {str(event["summary"]): event for event in calendar.walk("VEVENT")}
    assert set(events) == {subject, "two days", "a task"}, list(events)
    visit = events[subject]
    assert not visit.errors, visit.errors
    assert (visit["dtstart"].dt, visit["dtend"].dt) == (tomorrow, tomorrow + datetime.timedelta(hours=1))
    assert str(visit["description"]) == "第一行\n第二行"
    (alarm,) = visit.walk("VALARM")
    assert alarm["trigger"].dt == tomorrow - datetime.timedelta(minutes=15)
    days = events["two days"]
    assert (days["dtstart"].dt, days["dtend"].dt) == (day, day + datetime.timedelta(days=2)), "the end of days is the day after"
    assert events["a task"]["dtstart"].dt == tomorrow
    print("three entries, one with an alarm")


main()
