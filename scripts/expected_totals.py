#!/usr/bin/env python3
"""What a trace must come to: calls, input and output tokens. Knows nothing of Meter."""
import csv, json, sys

calls = tokens_in = tokens_out = 0
with open(sys.argv[1], newline="") as trace:
    for row in csv.DictReader(trace):
        calls += 1
        tokens_in += int(row["ContextTokens"])
        tokens_out += int(row["GeneratedTokens"])
print(json.dumps({"agent_calls": calls, "input_tokens": tokens_in, "output_tokens": tokens_out}))
