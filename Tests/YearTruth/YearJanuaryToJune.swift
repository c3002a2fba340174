/// What is special, month by month: January to June. What everybody does in every month is in
/// `YearCalendar` and `YearPlainUsage`.
enum YearFirstHalf {
    static let rows: [YearRow] = january + february + march + april + may + june

    static let january: [YearRow] = [
        // n13 has Meter's agents for free; n14 tries them out until the end of February.
        .north(
            "01-05 09:00",
            .binds("n13/free", tenant: "n13", to: "n13", from: "01-01 00:00", as: "free")),
        .north(
            "01-05 09:00",
            .binds("n14/trial", tenant: "n14", to: "n14", from: "01-01 00:00", as: "trial")),
        // n08 has ordered its agent in two projects: usage says by which access it came.
        .north("01-05 09:00", .binds("n08/a", tenant: "n08", to: "n08", from: "01-01 00:00")),
        .north("01-05 09:00", .binds("n08/b", tenant: "n08", to: "n08-b", from: "01-01 00:00")),
        .north("01-20 10:00", .uses("n08", "agent_calls", 11, access: "n08/b")),
        // Which of the two it was nobody knows.
        .north("01-20 10:01", .uses("n08", "agent_calls", 7)),
        // n09 has a second agent on its only resource.
        .north(
            "01-05 09:00",
            .binds("n09/writer", tenant: "n09", agent: "writer", to: "n09", from: "01-01 00:00")),
        .north("01-21 10:00", .uses("n09", "input_tokens", 123_456, agent: "writer")),
        // e10 is still reported by somebody else; Meter meters beside it.
        .east(
            "01-05 10:00",
            .binds("e10/helper", tenant: "e10", to: "e10", from: "01-01 00:00", as: "shadow")),
        .east("01-20 10:00", .overwrites("e10", "images", "120.00")),
        // Some calls of n21 fail; Tools bills only those that answered, from a cache or not.
        .north("01-22 10:00", .uses("n21", "agent_calls", 13, outcome: "error")),
        .north("01-22 10:01", .uses("n21", "tool_seconds", 5_550, outcome: "error")),
        .north("01-22 10:02", .uses("n21", "agent_calls", 4, outcome: "cached")),
    ]

    static let february: [YearRow] = [
        // n11 uses its agent before anybody has bound it; a second agent of its is never bound.
        .north("02-06 10:00", .uses("n11", "agent_calls", 17)),
        .north("02-06 10:01", .uses("n11", "input_tokens", 45_678)),
        .north("02-07 10:00", .uses("n11", "agent_calls", 19, agent: "stray")),
        .north("02-20 09:00", .binds("n11/helper", tenant: "n11", to: "n11", from: "01-01 00:00")),
        // n17 pays in advance.
        .north("02-10 10:00", .grantsCredit("n17", "25.00")),
        .east("02-10 10:00", .overwrites("e10", "images", "80.00")),
        .east("02-20 10:00", .overwrites("e10", "images", "95.50")),
        // From March on a call in Chat costs a third cent.
        .north("02-16 10:00", .announces("Chat Standard", "agent_calls", "0.03")),
        // The trial ends.
        .north("02-28 23:55", .unbinds("n14/trial")),
        .north("02-28 23:55", .binds("n14/live", tenant: "n14", to: "n14", from: "02-28 23:55")),
        .north("02-26 10:00", .uses("n21", "agent_calls", 9, outcome: "refused")),
    ]

    static let march: [YearRow] = [
        // n01's calls of February arrive when February is over, and calls have another price.
        .north("02-20 08:00", .uses("n01", "agent_calls", 23, arrives: "03-08 10:00")),
        .north("02-20 08:01", .uses("n01", "input_tokens", 22_220, arrives: "03-08 10:00")),
        // n02 switches after some of its period was told; n03 before anything of March was.
        .north("03-10 08:00", .uses("n02", "agent_calls", 40)),
        .north("03-10 08:01", .uses("n02", "input_tokens", 30_000)),
        .north("03-10 09:00", .switches("n02", to: "Chat Premium")),
        .north("03-10 09:30", .uses("n02", "agent_calls", 60)),
        .north("03-01 00:20", .uses("n03", "agent_calls", 31)),
        .north("03-01 00:30", .switches("n03", to: "Chat Premium")),
        .north("03-01 00:35", .uses("n03", "agent_calls", 5)),
        .north("04-02 10:00", .settles("n02", "agent_calls", .creditRequest)),
        .north("04-02 10:00", .settles("n02", "input_tokens", .landed)),
        // n15 uses something that nobody has declared.
        .north("03-12 10:00", .uses("n15", "gpu_minutes", 90)),
        .east("03-20 10:00", .overwrites("e10", "images", "140.00")),
    ]

    static let april: [YearRow] = [
        .north("03-20 08:00", .uses("n22", "tool_seconds", 61_230, arrives: "04-08 10:00")),
        // n04 ends, and is let go before it is told what it had used; more comes later.
        .north("04-12 09:00", .uses("n04", "agent_calls", 33)),
        .north("04-12 10:00", .asksToEnd("n04")),
        .north("04-12 10:30", .approvesEnd("n04")),
        .north("04-12 09:10", .uses("n04", "input_tokens", 25_000, arrives: "04-13 10:00")),
        .north("04-20 10:00", .uses("n04", "agent_calls", 6)),
        // e10 changes hands in the middle of the month.
        .east("04-10 10:00", .overwrites("e10", "images", "44.00")),
        .east("04-16 12:00", .adopts("e10", from: "04-16 00:00")),
    ]

    static let may: [YearRow] = [
        // n05's resource goes to n07, who uses it through an agent of its own.
        .north("05-12 09:00", .uses("n05", "agent_calls", 12)),
        .north("05-12 10:00", .moves("n05", to: "n07")),
        .north("05-12 10:05", .unbinds("n05/helper")),
        .north(
            "05-12 10:05",
            .binds("n07/moved", tenant: "n07", agent: "moved", to: "n05", from: "05-12 10:05")),
        .north("05-20 10:00", .uses("n07", "agent_calls", 21, agent: "moved")),
        .north("05-20 10:01", .uses("n07", "input_tokens", 70_000, agent: "moved")),
        .north("05-16 10:00", .announces("Chat Standard", "agent_calls", "0.04")),
        // n06 switches like n02, and nobody decides what becomes of the calls before.
        .north("05-20 08:00", .uses("n06", "agent_calls", 18)),
        .north("05-20 09:00", .switches("n06", to: "Chat Premium")),
    ]

    static let june: [YearRow] = [
        // What n05 had used in April arrives when the resource is n07's.
        .north("04-18 08:00", .uses("n05", "input_tokens", 15_000, arrives: "06-06 10:00")),
        // n10 ends its resource, is told in time, and orders another for the same agent.
        .north("06-12 09:00", .uses("n10", "agent_calls", 25)),
        .north("06-12 10:00", .asksToEnd("n10")),
        .north("06-12 10:10", .reports),
        .north("06-12 10:20", .approvesEnd("n10")),
        .north("06-12 10:20", .unbinds("n10/helper")),
        .north("06-12 11:00", .orders("n10-new")),
        .north(
            "06-12 11:10", .binds("n10/again", tenant: "n10", to: "n10-new", from: "06-12 11:10")),
        .north("06-12 12:00", .uses("n10", "agent_calls", 8)),
        // n16 uses far more than in any other month; most of it was a loop that nobody had meant.
        .north("06-10 10:00", .uses("n16", "input_tokens", 300_000)),
        .north("06-10 10:04", .uses("n16", "input_tokens", 200_000)),
        .north("06-10 10:05", .uses("n16", "input_tokens", 100_000)),
    ]
}
