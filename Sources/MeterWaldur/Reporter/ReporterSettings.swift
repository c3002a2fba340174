package import Meter

/// How one Waldur is reported to.
package struct ReporterSettings: Sendable {
    /// Which Waldur.
    package var waldur: WaldurID
    /// Its time zone, which decides what a month is. Waldur does not tell it; the months that it stamps
    /// on usage rows check it.
    package var zone: ZoneOffset
    /// From the start of one cycle to the start of the next.
    package var cycleMilliseconds: Int64
    /// How long a request may still be running at Waldur's after nobody waits for it any more: the
    /// longest of what its workers and every proxy before it allow.
    package var requestLifeMilliseconds: Int64
    /// From one read-back of an unknown outcome to the next.
    package var lookMilliseconds: Int64
    /// How long before a month's end sending stops.
    package var guardMilliseconds: Int64
    /// For how long into a month nothing is sent of which nobody knows that Waldur has turned it.
    package var youngMonthMilliseconds: Int64
    /// The longest pause after failures.
    package var backOffMillisecondsMax: Int64

    package init(
        waldur: WaldurID,
        zone: ZoneOffset = .utc,
        cycleMilliseconds: Int64 = 300_000,
        requestLifeMilliseconds: Int64 = 120_000,
        lookMilliseconds: Int64 = 5_000,
        guardMilliseconds: Int64 = 3_600_000,
        youngMonthMilliseconds: Int64 = 6 * 3_600_000,
        backOffMillisecondsMax: Int64 = 300_000
    ) {
        self.waldur = waldur
        self.zone = zone
        self.cycleMilliseconds = cycleMilliseconds
        self.requestLifeMilliseconds = requestLifeMilliseconds
        self.lookMilliseconds = lookMilliseconds
        self.guardMilliseconds = guardMilliseconds
        self.youngMonthMilliseconds = youngMonthMilliseconds
        self.backOffMillisecondsMax = backOffMillisecondsMax
    }
}
