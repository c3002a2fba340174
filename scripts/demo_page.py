"""Compares the examples of a page with what was seen in a demo, but for times, numbers and hashes."""
import difflib
import re

from demo_site import Failed


def compare(page, typed, renew):
    """A block of examples begins with `<!-- demo -->`, each example with `$ meterctl ...`.

    `typed` are pairs of a command and what it showed; with `renew` they are written into the page.
    """
    text = page.read_text()
    # What was typed twice stands on the page in the same order.
    seen = {}
    for command, shown in typed:
        seen.setdefault(mask(command), []).append((command, shown))
    wrong = []

    def renewed(block):
        parts = re.split(r"^(?=\$ )", block.group(2), flags=re.M)
        out = ""
        for part in parts:
            if not part.startswith("$ "):
                out += part
                continue
            command, _, shown = part[2:].partition("\n")
            typed = seen.get(mask(command))
            found = typed and typed.pop(0)
            if not found:
                wrong.append(f"nobody typed: {command}")
                out += part
            elif mask(shown) != mask(found[1]):
                wrong.append(f"otherwise than on the page: {command}\n"
                             + difference(mask(shown), mask(found[1])))
                out += f"$ {found[0]}\n{found[1]}"
            else:
                out += part
        return block.group(1) + out + block.group(3)

    new = re.sub(r"(<!-- demo -->\n```console\n)(.*?)(```\n)", renewed, text, flags=re.S)
    if renew:
        page.write_text(new)
        print(f"{len(wrong)} examples of {page} written anew")
    elif wrong:
        raise Failed(f"{page} shows what is not so; scripts/demo_monthend.py --renew:\n  "
                     + "\n  ".join(wrong))
    else:
        print(f"{page} shows what was seen here")


def mask(text):
    """Times, numbers, hashes and how lines are broken are another run's."""
    text = re.sub(r"\d{4}-\d{2}-\d{2}T[\d:.]+Z", "TIME", text)
    # Eight decimals of a number are no hash.
    text = re.sub(r"(?<![\d.])"
                  r"\b([0-9a-f]{64}|[0-9a-f]{33,63}\s+[0-9a-f]{1,31}|[0-9a-f]{32}|[0-9a-f]{8})\b",
                  "HASH", text)
    # Digits are in groups of three, columns two spaces apart.
    text = re.sub(r"\d[\d.,]*(?: \d{3}(?:\.\d+)?\b)*", "0", text)
    return " ".join(text.replace("-", " ").split())


def difference(page, seen):
    """Where two masked texts differ, word by word."""
    page, seen = page.split(), seen.split()
    lines = []
    for how, a, b, c, d in difflib.SequenceMatcher(a=page, b=seen, autojunk=False).get_opcodes():
        if how != "equal":
            lines.append(f"      page: ... {' '.join(page[max(0, a - 4):b + 4])} ...\n"
                         f"      seen: ... {' '.join(seen[max(0, c - 4):d + 4])} ...")
    return "\n".join(lines)
