package import MeterWire

/// One calendar month of one Waldur, as the minutes `[start, end)` that it has in that Waldur's time zone.
///
/// Which minutes those are is handed in: the engine knows no time zones.
package struct BillingPeriod: Hashable, Sendable {
    package let waldur: WaldurID
    package let month: BillingMonth
    package let start: Minute
    package let end: Minute

    /// nil unless the period has at least one minute.
    package init?(waldur: WaldurID, month: BillingMonth, start: Minute, end: Minute) {
        guard start < end else { return nil }
        self.waldur = waldur
        self.month = month
        self.start = start
        self.end = end
    }

    package func contains(_ minute: Minute) -> Bool { start <= minute && minute < end }
}
