package import Meter
package import MeterWire

/// Whether anything may be sent now, and into which month.
///
/// Waldur files usage under the month in which a call arrives, and freezes an item's price at the first
/// call of a month: one that arrives after midnight and before Waldur's monthly task bills the whole month
/// at last month's prices, and nothing repairs that. So the reporter is silent around the turn of the
/// month, until a person has seen the turn and resumes reporting by the new month's name.
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
            /// An earlier month was reported, and nobody has resumed reporting since.
            case notResumed = "not-resumed"
            /// The month has just begun and nothing was reported before, so nothing says that Waldur has
            /// turned the month.
            case monthYoung = "month-young"
        }

        package let reason: Reason
        /// Since when, by Waldur's clock; nil while that is unknown.
        package let since: Timestamp?
        /// The month that `report resume` must name; nil while that cannot be said.
        package let resume: BillingMonth?
    }

    /// Decides by Waldur's clock, on the safe side of its uncertainty.
    ///
    /// - Parameters:
    ///   - resumed: The newest month that a person has resumed.
    ///   - lastReported: The newest month for which anything was intended, or whose end was waited for.
    package static func at(
        _ now: Timestamp,
        clock: WaldurClock?,
        settings: ReporterSettings,
        resumed: BillingMonth?,
        lastReported: BillingMonth?
    ) -> ReportingWindow {
        let zone = settings.zone
        guard let clock, let month = BillingMonth(of: clock.earliest(at: now), in: zone) else {
            return .silent(Silence(reason: .clockUnknown, since: nil, resume: nil))
        }
        let guardStart = month.end(in: zone).advanced(byMilliseconds: -settings.guardMilliseconds)
        if clock.latest(at: now) >= guardStart {
            return .silent(Silence(reason: .monthEnding, since: guardStart, resume: month.next))
        }
        if let resumed, resumed >= month { return .open(month) }
        if let lastReported {
            if lastReported >= month { return .open(month) }
            let since = lastReported.end(in: zone)
                .advanced(byMilliseconds: -settings.guardMilliseconds)
            return .silent(Silence(reason: .notResumed, since: since, resume: month))
        }
        let start = month.start(in: zone)
        if clock.earliest(at: now)
            < start.advanced(byMilliseconds: settings.youngMonthMilliseconds)
        {
            return .silent(Silence(reason: .monthYoung, since: start, resume: month))
        }
        return .open(month)
    }

    /// The month into which may be sent; nil in silence.
    package var month: BillingMonth? {
        guard case .open(let month) = self else { return nil }
        return month
    }
}

extension ReportingWindow: CustomStringConvertible {
    /// One line for `status` and `/readyz`.
    package var description: String {
        guard case .silent(let silence) = self else { return "sending" }
        let since = silence.since.map { " since \(WaldurTime.text($0)) by Waldur's clock" } ?? ""
        let resume = silence.resume.map { "`meterctl report resume \($0)`" } ?? ""
        return switch silence.reason {
        case .clockUnknown: "nothing is sent: no answer of Waldur's has shown its clock yet"
        case .monthEnding:
            "nothing is sent\(since): the month ends; once Waldur has turned it, \(resume)"
        case .notResumed:
            "nothing is sent\(since): a month has ended; once Waldur has turned it, \(resume)"
        case .monthYoung:
            "nothing is sent\(since): the month has just begun; once Waldur has turned it, \(resume)"
        }
    }
}
