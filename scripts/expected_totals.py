#!/usr/bin/env python3
"""What a trace must come to: calls, input and output tokens. Knows nothing of Meter.

    expected_totals.py TRACE
    expected_totals.py TRACE --start TIME --boundary TIME --tenants T --agents A

Call i is of tenant i mod T and of agent (i div T) mod A; its time is the start and what has passed since
the first call, in whole milliseconds. With a boundary there are two totals for each agent of a tenant.
"""
import argparse, collections, csv, datetime, json

options = argparse.ArgumentParser()
options.add_argument("trace")
options.add_argument("--start", type=datetime.datetime.fromisoformat)
options.add_argument("--boundary", type=datetime.datetime.fromisoformat)
options.add_argument("--tenants", type=int, default=1)
options.add_argument("--agents", type=int, default=1)
asked = options.parse_args()

sums, first = collections.Counter(), None
with open(asked.trace, newline="") as trace:
    for number, row in enumerate(csv.DictReader(trace)):
        moment = datetime.datetime.fromisoformat(row["TIMESTAMP"][:26])
        first = first or moment
        half = "all"
        if asked.boundary:
            passed = (moment - first) // datetime.timedelta(milliseconds=1)
            time = asked.start + datetime.timedelta(milliseconds=passed)
            half = "before" if time < asked.boundary else "after"
        who = f"{half} {number % asked.tenants} {number // asked.tenants % asked.agents} "
        sums[who + "agent_calls"] += 1
        sums[who + "input_tokens"] += int(row["ContextTokens"])
        sums[who + "output_tokens"] += int(row["GeneratedTokens"])
if asked.boundary:
    print(json.dumps(sums))
else:
    print(json.dumps({name.split()[-1]: total for name, total in sums.items()}))
