/// What is special, month by month: July to December.
enum YearSecondHalf {
    static let rows: [YearRow] = july + august + september + october + november + december

    static let july: [YearRow] = [
        // Half a million tokens of June are voided: more than n16 uses in two months.
        .north("07-20 10:00", .voids("n16", from: "06-10 10:00", to: "06-10 10:05"))
    ]

    static let august: [YearRow] = [
        // Staff edits an invoice that is closed.
        .north("08-12 10:00", .edits("n18", "agent_calls", 7, "3.00")),
        // Somebody writes figures of his own: n19's is set right by default, e05's is accepted.
        .north("08-16 10:00", .overwrites("n19", "agent_calls", "4.00")),
        .east("08-16 10:00", .overwrites("e05", "images", "2.00")),
        .east("08-26 10:00", .accepts("e05", "images")),
        .north("08-16 11:00", .announces("Chat Standard", "agent_calls", "0.05")),
    ]

    static let september: [YearRow] = [
        // Staff takes an item of August back; Waldur refuses that component for the rest of the month.
        .north("09-16 10:00", .compensates("n20", "agent_calls", 8)),
        // Meter finds out which of the two components that is.
        .north("09-26 12:00", .reports),
        .north("09-27 12:00", .reports),
        .north("09-28 12:00", .reports),
    ]

    static let october: [YearRow] = [
        // The east's host is copied, and its copy wakes up for one cycle.
        .east("10-16 10:00", .isCopied),
        .east("10-24 10:00", .copyReports("e08", "images", 3)),
        .north("10-20 10:00", .uses("n22", "agent_calls", 15, outcome: "error")),
        .north("10-20 10:01", .uses("n22", "agent_calls", 16)),
    ]

    static let november: [YearRow] = [
        // Once more before midnight; e05's total is on its way for longer than anybody waits.
        .east("11-30 23:56", .timesOut("e05"))
    ]

    static let december: [YearRow] = [
        .north("12-10 10:00", .settles("n01", "agent_calls", .writtenOff))
    ]
}
