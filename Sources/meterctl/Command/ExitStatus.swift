/// How meterctl ends; the numbers are part of its interface.
enum ExitStatus: Int32, CaseIterable {
    case done = 0
    case failed = 1
    /// Two things that should be equal are not, as with diff.
    case differences = 2
    /// Damage was found in files.
    case damage = 3
    /// Something must be done or decided first.
    case precondition = 4
    /// The server or Waldur cannot be reached, or it is not known what became of the request.
    case unavailable = 5
    /// The command line is wrong (`EX_USAGE`).
    case usage = 64
    /// A configuration is wrong (`EX_CONFIG`).
    case configuration = 78
    case interrupted = 130
}

/// Why a verb did not do what it was asked: what happened, where, and what to do next.
struct CommandFailure: Error, CustomStringConvertible {
    let status: ExitStatus
    /// One line, without a full stop.
    let message: String
    /// Whole sentences that say more; nil where the message says it all.
    let detail: String?
    /// A command or an action; nil where there is none to advise.
    let next: String?

    init(_ status: ExitStatus, _ message: String, detail: String? = nil, next: String? = nil) {
        self.status = status
        self.message = message
        self.detail = detail
        self.next = next
    }

    /// What happened, on one line.
    var sentence: String { ([message] + (detail.map { [$0] } ?? [])).joined(separator: ": ") }

    var description: String {
        var text = "meterctl: " + TextWidth.printable(message)
        if let detail { text += "\n  " + TextWidth.printable(detail) }
        if let next { text += "\nnext: " + TextWidth.printable(next) }
        return text
    }
}
