"""Checks a Grafana dashboard's shape, and writes its queries as a rule file for promtool to parse.

    check_dashboard.py DASHBOARD.json QUERIES.yaml
"""

import json
import sys


def problems(dashboard):
    panels = dashboard["panels"]
    ids = [panel["id"] for panel in panels]
    if len(set(ids)) != len(ids):
        yield "two panels have the same id"
    for key in ("uid", "title", "schemaVersion", "time", "templating"):
        if key not in dashboard:
            yield f"the dashboard has no {key}"
    taken = {}
    for panel in panels:
        name = f"panel {panel['id']} ({panel.get('title') or 'no title'})"
        if not panel.get("title"):
            yield f"{name} has no title"
        place = panel["gridPos"]
        if place["x"] < 0 or place["x"] + place["w"] > 24:
            yield f"{name} leaves the grid of 24 columns"
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                if (x, y) in taken:
                    yield f"{name} lies over {taken[x, y]}"
                    break
                taken[x, y] = name
        if panel["type"] == "row":
            continue
        if not panel.get("description"):
            yield f"{name} does not say what it shows"
        if not panel["fieldConfig"]["defaults"].get("unit"):
            yield f"{name} has no unit"
        if panel["datasource"]["uid"] != "${datasource}":
            yield f"{name} is bound to one data source"
        if not panel["targets"]:
            yield f"{name} asks for nothing"
        for target in panel["targets"]:
            if "$instance" not in target["expr"]:
                yield f"{name} does not ask for the chosen instance: {target['expr']}"
            if not target["legendFormat"]:
                yield f"{name} has a query without a legend"


def queries(dashboard):
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield target["expr"].replace("$__rate_interval", "5m").replace("$instance", ".*")


def main():
    dashboard = json.load(open(sys.argv[1], encoding="utf-8"))
    found = list(dict.fromkeys(problems(dashboard)))
    for problem in found:
        print(f"{sys.argv[1]}: {problem}", file=sys.stderr)
    # JSON is YAML.
    rules = [{"record": f"query_{n}", "expr": expr} for n, expr in enumerate(queries(dashboard))]
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        json.dump({"groups": [{"name": "queries", "rules": rules}]}, file)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
