"""Every rule of Waldur's that Meter relies on: what is done, what is expected, and what came of it."""

import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Callable, NamedTuple

import double


class NotTried(Exception):
    """It cannot be provoked here, for this reason."""


class Differs(Exception):
    """What was seen instead."""


class Behaviour(NamedTuple):
    name: str
    expected: str
    trial: Callable


BEHAVIOURS = []


def behaviour(name, expected):
    def register(trial):
        BEHAVIOURS.append(Behaviour(name, expected, trial))
        return trial

    return register


def same(seen, expected, what=""):
    if seen != expected:
        raise Differs(f"{what}{' ' if what else ''}{seen}, not {expected}")
    return f"{what}{' ' if what else ''}{seen}"


def status(answer, expected, text=""):
    if answer.status != expected or text not in answer.text:
        raise Differs(answer.brief or str(answer.status))
    return answer.brief


# Nothing is written by these.


@behaviour("clock", "answers carry the time in `Date`")
def clock(world):
    return world.waldur.now().isoformat()


@behaviour("wrong token", "401, nothing ran")
def wrong_token(world):
    return status(world.waldur.account("0" * 40).get("/api/users/me/"), 401)


@behaviour("paging", "`X-Result-Count` counts all rows; a page has at most 300")
def paging(world):
    answer = world.waldur.get("/api/marketplace-provider-resources/", page_size=1000)
    status(answer, 200)
    count = int(answer.headers["X-Result-Count"])
    same(len(answer.json), min(count, 300), "rows on a page:")
    return f"{count} rows"


@behaviour("unknown filter", "ignored in silence, so what comes back is checked")
def unknown_filter(world):
    path = "/api/marketplace-provider-resources/"
    every = world.waldur.get(path).headers["X-Result-Count"]
    return same(world.waldur.get(path, no_such_filter="x").headers["X-Result-Count"], every, "rows:")


@behaviour("terminated", "400: no usage is taken, so a resource is told before its termination")
def terminated(world):
    if world.is_double:
        ended = world.of_double("ended", "")
        world.control("terminate", resource=ended)
    else:
        rows = world.waldur.rows("/api/marketplace-provider-resources/", state="Terminated")
        if not rows:
            raise NotTried("the account sees no terminated resource")
        ended = rows[0]["uuid"]
    component = world.component() if world.is_double else {"type": "x"}
    return status(world.waldur.report(ended, (component["type"], "1.00")), 400, "not in valid state")


# These write to the resource for trials.


@behaviour("totals", "a call sets the total: the second replaces the first; 201 without a body")
def totals(world):
    component = world.component()["type"]
    for amount in ("10.00", "7.25"):
        same(status(world.waldur.report(world.resource, (component, amount)), 201), "201")
    return same(world.waldur.usage(world.resource, component, world.month), [(world.month, "7.25")])


@behaviour("month stamp", "usage is filed under the month in which the call runs, whatever it says")
def month_stamp(world):
    component = world.component()["type"]
    answer = world.waldur.post(
        "/api/marketplace-component-usages/set_usage/",
        {
            "resource": world.resource,
            "date": "2020-01-01T00:00:00Z",
            "usages": [{"type": component, "amount": "8.00"}],
        },
    )
    if answer.status == 400:
        raise Differs("a `date` is read: Waldur 8.1 or later; " + answer.brief)
    return same(world.waldur.usage(world.resource, component)[0], (world.month, "8.00"))


@behaviour("plan periods", "the rows of this month stand in the plan period that the call named")
def plan_periods(world):
    component = world.component()["type"]
    open_period = next(p for p in world.waldur.periods(world.resource) if p["end"] is None)
    answer = world.waldur.report(world.resource, (component, "9.00"), period=open_period["uuid"])
    status(answer, 201)
    shown = next(p for p in world.waldur.periods(world.resource) if p["uuid"] == open_period["uuid"])
    return same([r["usage"] for r in shown["components"] if r["type"] == component], ["9.00"])


@behaviour("invoice item", "quantity and unit price: the total, at the plan's price of its first call")
def invoice_item(world):
    component = world.component()["type"]
    status(world.waldur.report(world.resource, (component, "11.00")), 201)
    items = world.waldur.items(world.resource, component, world.month)
    if not items:
        raise Differs("no item: the account does not see invoice items, or nothing is billed")
    same(len(items), 1, "items:")
    same(Decimal(items[0][0]), Decimal("11"), "quantity")
    return f"11 at {items[0][1]}"


@behaviour("zero", "0.00 is a total like any other")
def zero(world):
    component = world.component()["type"]
    status(world.waldur.report(world.resource, (component, "0.00")), 201)
    return same(world.waldur.usage(world.resource, component, world.month), [(world.month, "0.00")])


@behaviour("decimals", "400 for three decimals; nothing is written")
def decimals(world):
    component = world.component()["type"]
    before = world.waldur.usage(world.resource, component, world.month)
    seen = status(world.waldur.report(world.resource, (component, "1.234")), 400, "2 decimal places")
    same(world.waldur.usage(world.resource, component, world.month), before)
    return seen


@behaviour("unknown component", "400 for the whole call, also for what stands before it")
def unknown_component(world):
    component = world.component()["type"]
    before = world.waldur.usage(world.resource, component, world.month)
    answer = world.waldur.report(world.resource, (component, "55.00"), ("no_such_component", "1.00"))
    seen = status(answer, 400, "These components are invalid: no_such_component.")
    same(world.waldur.usage(world.resource, component, world.month), before)
    return seen


@behaviour("too large", "500 for 10^12 and more; taken back")
def too_large(world):
    component = world.component()["type"]
    before = world.waldur.usage(world.resource, component, world.month)
    seen = status(world.waldur.report(world.resource, (component, "1000000000000.00")), 500)
    same(world.waldur.usage(world.resource, component, world.month), before)
    return seen


@behaviour("negative", "accepted, so that it must be Meter who never sends one")
def negative(world):
    component = world.component()["type"]
    status(world.waldur.report(world.resource, (component, "-5.01")), 201)
    return same(world.waldur.usage(world.resource, component, world.month), [(world.month, "-5.01")])


@behaviour("partial write", "a call that ends in 400 keeps what it wrote before")
def partial_write(world):
    component = world.component()["type"]
    capped = world.component(is_capped=True)
    over = f"{int(capped['limit_amount']) + 1}.00"
    answer = world.waldur.report(world.resource, (component, "42.00"), (capped["type"], over))
    status(answer, 400, "Total amount exceeds limit")
    return same(world.waldur.usage(world.resource, component, world.month), [(world.month, "42.00")])


@behaviour("no right", "403 for an account without RESOURCE.SET_USAGE; nothing is written")
def no_right(world):
    if not world.is_double:
        raise NotTried("it takes an account that may see the resource and not report it")
    component = world.component()["type"]
    before = world.waldur.usage(world.resource, component, world.month)
    seen = status(world.buyer.report(world.resource, (component, "77.00")), 403)
    same(world.waldur.usage(world.resource, component, world.month), before)
    return seen


@behaviour("foreign write", "the newest writer's total stands; the list shows it")
def foreign_write(world):
    if not world.second:
        raise NotTried("WALDUR_SECOND_TOKEN names no other account")
    component = world.component()["type"]
    status(world.waldur.report(world.resource, (component, "12.00")), 201)
    status(world.waldur.account(world.second).report(world.resource, (component, "90.00")), 201)
    return same(world.waldur.usage(world.resource, component, world.month), [(world.month, "90.00")])


# These need hands that a reporting account does not have.


@behaviour("ended period", "a changed total of an ended plan period is billed a second time")
def ended_period(world):
    resource = world.of_double("switched", "needs a buyer who switches the plan of a resource")
    old = next(p for p in world.waldur.periods(resource) if p["end"] is None)["uuid"]
    status(world.waldur.report(resource, ("agent_calls", "100.00"), period=old), 201)
    world.ended_period = old
    world.control("clock", advance_seconds=60)
    world.control("switch-plan", resource=resource, plan="Premium")
    world.control("clock", advance_seconds=60)
    same([q for q, _ in world.waldur.items(resource, "agent_calls", world.month)], ["100.0000000000"])
    status(world.waldur.report(resource, ("agent_calls", "101.00"), period=old), 201)
    items = world.waldur.items(resource, "agent_calls", world.month)
    return same(sorted(Decimal(q) for q, _ in items), [100, 101], "items of") and "100 and 101, both billed"


@behaviour("pending order", "usage is taken while an order waits; not once it was carried out")
def pending_order(world):
    resource = world.of_double("ordered", "needs a buyer who terminates a resource")
    order = world.buyer.post(f"/api/marketplace-resources/{resource}/terminate/").json["order_uuid"]
    path = f"/api/marketplace-orders/{order}/"
    same(world.waldur.get(path).json["state"], "pending-provider")
    status(world.waldur.report(resource, ("agent_calls", "3.00")), 201)
    status(world.waldur.post(path + "approve_by_provider/"), 200)
    world.control("worker", run=True)
    return status(world.waldur.report(resource, ("agent_calls", "4.00")), 400)


@behaviour("move", "rows of this month move with the resource; reporting goes on under its uuid")
def move(world):
    resource = world.of_double("moved", "needs staff who move a resource to another customer")
    status(world.waldur.report(resource, ("agent_calls", "6.00")), 201)
    project = {"url": f"{world.waldur.base}/api/projects/{double.OTHER_PROJECT}/"}
    status(world.staff.post(f"/api/marketplace-resources/{resource}/move_resource/", {"project": project}), 200)
    shown = world.waldur.get(f"/api/marketplace-provider-resources/{resource}/").json
    same(shown["customer_name"], "Two", "customer")
    status(world.waldur.report(resource, ("agent_calls", "8.00")), 201)
    same(world.waldur.usage(resource, "agent_calls"), [(world.month, "8.00")])
    return "8.00 is customer Two's"


@behaviour("announced price", "a price set on a plan in use becomes `future_price`")
def announced_price(world):
    resource = world.of_double("main", "would change what customers pay")
    plan = world.waldur.get(f"/api/marketplace-provider-resources/{resource}/").json["plan_uuid"]
    prices = {"agent_calls": "0.05", "tokens": "0.0000031250", "capped": "1", "base_fee": "9"}
    status(world.waldur.post(f"/api/marketplace-plans/{plan}/update_prices/", {"prices": prices}), 200)
    shown = plan_of(world, plan)
    return same(
        (Decimal(shown["prices"]["agent_calls"]), Decimal(shown["future_prices"]["agent_calls"])),
        (Decimal("0.02"), Decimal("0.05")),
    ) and "0.02, then 0.05"


def plan_of(world, plan):
    return world.waldur.get(f"/api/marketplace-plans/{plan}/").json


@behaviour("applied later", "a request that timed out may be applied after midnight, in the new month")
def applied_later(world):
    resource = world.of_double("late", "would need a request that hangs inside Waldur over midnight")
    world.control("clock", time="2026-11-30T23:59:30Z")
    answer = world.waldur.call("POST", "/double/faults", [{"path": "set_usage", "kind": "later", "seconds": 60}])
    assert answer.status == 200, answer.brief
    calls = world.calls
    with ThreadPoolExecutor(1) as pool:
        stuck = pool.submit(world.waldur.report, resource, ("tokens", "70.00"))
        while world.calls == calls:
            time.sleep(0.01)
        same(world.waldur.usage(resource, "tokens"), [])
        world.control("clock", advance_seconds=61)
        if not isinstance(stuck.exception(), OSError):
            raise Differs("an answer")
    found = []
    while not found:
        found = world.waldur.usage(resource, "tokens")
    return same(found, [("2026-12", "70.00")])


@behaviour("price freeze", "a total told before the month was turned keeps the old price")
def price_freeze(world):
    resource = world.of_double("main", "would have to be told in the minutes after a month's end")
    world.control("clock", time="2026-12-01T00:02:00Z")
    status(world.waldur.report(resource, ("agent_calls", "1.00")), 201)
    world.control("monthly-task")
    status(world.waldur.report(resource, ("agent_calls", "1000.00")), 201)
    items = world.waldur.items(resource, "agent_calls", "2026-12")
    same([Decimal(price) for _, price in items], [Decimal("0.02")])
    return "1000 at 0.02 instead of 0.05"


@behaviour("month turn", "the monthly task makes `future_price` the price and opens the provider's invoice")
def month_turn(world):
    resource = world.of_double("moved", "happens once a month: watch `meterctl report status` over it")
    plan = world.waldur.get(f"/api/marketplace-provider-resources/{resource}/").json["plan_uuid"]
    same(Decimal(plan_of(world, plan)["prices"]["agent_calls"]), Decimal("0.05"), "price")
    months = {(i["year"], i["month"]) for i in world.waldur.rows("/api/invoices/")}
    if (2026, 12) not in months:
        raise Differs(f"invoices of {sorted(months)}")
    status(world.waldur.report(resource, ("agent_calls", "10.00")), 201)
    items = world.waldur.items(resource, "agent_calls", "2026-12")
    same([Decimal(price) for _, price in items], [Decimal("0.05")], "unit price")
    return "price 0.05, invoice 2026-12, what is told now at 0.05"


@behaviour("closed period", "400 for a plan period that ended in an earlier month")
def closed_period(world):
    resource = world.of_double("switched", "needs a plan that was switched in an earlier month")
    old = world.ended_period
    return status(world.waldur.report(resource, ("agent_calls", "1.00"), period=old), 400, "closed")
