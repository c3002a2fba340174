package import Meter
package import MeterWire

/// How an account of a Waldur stands.
package struct AccountStanding: Equatable, Sendable {
    package let name: String
    /// Why it did not get to the end of its part of the last cycle; nil where it did.
    package let trouble: String?
    /// Offerings whose usage Waldur refused to take from it.
    package let refused: Set<OfferingID>

    package init(name: String, trouble: String?, refused: Set<OfferingID>) {
        self.name = name
        self.trouble = trouble
        self.refused = refused
    }
}

/// How reporting to one Waldur stands, without asking it.
package struct ReportStatus: Sendable {
    package enum State: String, Sendable {
        /// No cycle has ended since the start.
        case starting
        /// The last cycle got to its end.
        case reporting
        /// Nothing is sent around the turn of the month.
        case held
        /// The last cycle did not get to its end.
        case failing
    }

    package var waldur: WaldurID
    package var window: ReportingWindow
    /// Why the last cycle did not get to its end; nil after one that did.
    package var trouble: String?
    /// When the last cycle that got to its end began.
    package var completedCycle: Timestamp?
    /// Waldur's clock; nil before its first answer.
    package var clock: WaldurClock?
    /// Submissions without a final outcome, oldest first.
    package var openIntents: [OpenIntent]
    /// What keeps figures from being told, or makes one doubtful.
    package var findings: [ReportFinding]
    /// Rows that showed what the ledger says when their last turn ended.
    package var unchangedRows: Int
    /// Rows that did not: held back, looked up, or silent for the turn of the month.
    package var heldRows: Int
    /// Carries that wait for a person.
    package var waitingCarries: Int
    /// How each account stands.
    package var accounts: [AccountStanding] = []
    /// In months that are not closed, oldest first.
    package var incidents: [Incident]
    /// What the last cycle of the present month will be like; nil before that can be said.
    package var flush: FlushForecast?
    /// What a person should know of that now; nil for nothing.
    package var flushWarning: String?
    /// Where what came in and what became of it differ: never, unless something is wrong with Meter.
    package var violations: [Violation] = []

    /// One word.
    package var state: State {
        if case .silent(let silence) = window, silence.reason != .clockUnknown { return .held }
        if trouble != nil { return .failing }
        return completedCycle == nil ? .starting : .reporting
    }

    /// One line: what happened and what to do.
    package var detail: String {
        var parts: [String] = []
        if case .silent(let silence) = window, silence.reason != .clockUnknown {
            parts.append(window.description)
        }
        if let trouble { parts.append("the last cycle failed: \(trouble); it is tried again") }
        if let first = violations.first {
            parts.append("\(violations.count) accounts do not balance, the first: \(first)")
        }
        if let first = incidents.first {
            parts.append(
                "\(incidents.count) \(incidents.count == 1 ? "incident" : "incidents") in months that are "
                    + "not closed, the first: \(first.summary); `meterctl period preview \(first.key.month)`"
            )
        }
        if let flushWarning { parts.append(flushWarning) }
        if waitingCarries > 0 {
            parts.append(
                window.month == nil
                    ? "\(waitingCarries) carries wait for the turn of the month"
                    : "\(waitingCarries) carries wait for a decision; `meterctl carry list`"
            )
        }
        if !openIntents.isEmpty {
            parts.append("\(openIntents.count) submissions are looked up")
        }
        if let first = findings.first {
            parts.append(
                findings.count == 1 ? "\(first)" : "\(findings.count) findings, the first: \(first)"
            )
        }
        if let completedCycle, parts.isEmpty {
            parts.append("told and read back at \(WaldurTime.text(completedCycle))")
        }
        return parts.isEmpty ? "no cycle has ended yet" : parts.joined(separator: "; ")
    }
}

extension Reporter {
    /// How reporting stands.
    package func status(at moment: ReporterMoment) -> ReportStatus {
        var unchanged = 0
        var held = 0
        for line in lines.values.joined() {
            switch line.verdict {
            case .unchanged: unchanged += 1
            case .held, .tell, .inFlight: held += 1
            }
        }
        let forecast = flushForecast(at: moment)
        var status = ReportStatus(
            waldur: settings.waldur,
            window: window(at: moment),
            trouble: trouble,
            completedCycle: completedCycle,
            clock: moment.clock,
            openIntents: openIntents(),
            findings: findings.sorted { $0.key < $1.key }.flatMap(\.value),
            unchangedRows: unchanged,
            heldRows: held,
            waitingCarries: book.billing.waitingCarries
                .filter { $0.key.waldur == settings.waldur }.map(\.value.count).reduce(0, +),
            incidents: book.openIncidents(of: settings.waldur, in: settings.zone).map(\.incident),
            flush: forecast,
            flushWarning: forecast?.warning(at: moment.now)
        )
        status.accounts = lanes.map {
            AccountStanding(
                name: $0.account.name,
                trouble: $0.trouble,
                refused: $0.forbidden
            )
        }
        return status
    }
}
