package import Meter
package import MeterWire

/// Whether anything may be sent now, and into which month.
///
/// Waldur files usage under the month in which a call arrives, and freezes an item's price at the first
/// call of a month: one that arrives after midnight and before Waldur's monthly task bills the whole month
/// at last month's prices, and nothing repairs that. So nothing is sent from the guard before the month's
/// end until Waldur was seen to have turned the month.
package enum ReportingWindow: Equatable, Sendable {
    /// Totals of this month may be sent.
    case open(BillingMonth)
    case silent(Silence)

    package struct Silence: Equatable, Sendable {
        package enum Reason: String, Sendable {
            /// No answer has shown Waldur's clock yet.
            case clockUnknown = "clock-unknown"
            /// The month is about to end, or has just ended.
            case monthEnding = "month-ending"
            /// The month has begun, and nobody has seen Waldur turn it yet.
            case notTurned = "not-turned"
            /// The same for so long that somebody should look after Waldur's monthly task.
            case turnUnseen = "turn-unseen"
        }

        package let reason: Reason
        /// Since when, by Waldur's clock; nil while that is unknown.
        package let since: Timestamp?
        /// The month that is waited for; nil while that cannot be said.
        package let month: BillingMonth?
    }

    /// Decides by Waldur's clock and what the book says of this Waldur.
    package static func at(
        _ now: Timestamp,
        clock: WaldurClock?,
        settings: ReporterSettings,
        book: BookState
    ) -> ReportingWindow {
        let reported = book.submissions.keys.sorted().last { month in
            book.submissions[month]?.contains { $0.key.waldur == settings.waldur } ?? false
        }
        return at(
            now,
            clock: clock,
            settings: settings,
            turned: [book.billing.turned[settings.waldur]?.month, book.resumed[settings.waldur]]
                .compactMap(\.self).max(),
            lastReported: reported
        )
    }

    /// Decides by Waldur's clock, on the safe side of its uncertainty.
    ///
    /// - Parameters:
    ///   - turned: The newest month that Waldur was seen to have turned to, or that a person says so of.
    ///   - lastReported: The newest month for which anything was intended.
    package static func at(
        _ now: Timestamp,
        clock: WaldurClock?,
        settings: ReporterSettings,
        turned: BillingMonth?,
        lastReported: BillingMonth?
    ) -> ReportingWindow {
        let zone = settings.zone
        guard let clock, let month = BillingMonth(of: clock.earliest(at: now), in: zone) else {
            return .silent(Silence(reason: .clockUnknown, since: nil, month: nil))
        }
        let guardStart = month.end(in: zone).advanced(byMilliseconds: -settings.guardMilliseconds)
        if clock.latest(at: now) >= guardStart {
            return .silent(Silence(reason: .monthEnding, since: guardStart, month: month.next))
        }
        if [turned, lastReported].contains(where: { ($0 ?? month.previous) >= month }) {
            return .open(month)
        }
        let start = month.start(in: zone)
        let alarm = start.advanced(byMilliseconds: settings.turnAlarmMilliseconds)
        return .silent(
            Silence(
                reason: clock.earliest(at: now) < alarm ? .notTurned : .turnUnseen,
                since: start,
                month: month
            )
        )
    }

    /// The month into which may be sent; nil in silence.
    package var month: BillingMonth? {
        guard case .open(let month) = self else { return nil }
        return month
    }

    /// The month of which it is not known that Waldur has turned it; nil for none.
    package var unturned: BillingMonth? {
        guard case .silent(let silence) = self,
            silence.reason == .notTurned || silence.reason == .turnUnseen
        else { return nil }
        return silence.month
    }
}

extension ReportingWindow: CustomStringConvertible {
    /// One line for `status` and `/readyz`.
    package var description: String {
        guard case .silent(let silence) = self else { return "sending" }
        let since = silence.since.map { " since \(WaldurTime.text($0)) by Waldur's clock" } ?? ""
        let month = silence.month?.description ?? "the month"
        return switch silence.reason {
        case .clockUnknown: "nothing is sent: no answer of Waldur's has shown its clock yet"
        case .monthEnding:
            "nothing is sent\(since): the month ends; what is used until \(month) is carried into it"
        case .notTurned:
            "nothing is sent\(since): waiting until Waldur has turned to \(month)"
        case .turnUnseen:
            "nothing is sent\(since): nobody has seen Waldur turn to \(month); look after its monthly "
                + "task (create_monthly_invoices), or, if it ran, `meterctl report resume \(month)`"
        }
    }
}
