package import Meter

/// How one Waldur is reported to.
package struct ReporterSettings: Sendable {
    /// Which Waldur.
    package var waldur: WaldurID
    /// Its time zone, which decides what a month is. Waldur does not tell it; the months that it stamps
    /// on usage rows check it.
    package var zone: WaldurZone
    /// What its prices are in, as the configuration has it; nil where that does not say.
    package var currency: String?
    /// Whom it is reported to through; at least one.
    package var accounts: [ReportingAccount]
    /// From the start of one cycle to the start of the next.
    package var cycleMilliseconds: Int64
    /// How long a request may still be running at Waldur's after nobody waits for it any more: the
    /// longest of what its workers and every proxy before it allow.
    package var requestLifeMilliseconds: Int64
    /// From one read-back of an unknown outcome to the next.
    package var lookMilliseconds: Int64
    /// How long before a month's end sending stops: at least as long as a request may still be running.
    package var guardMilliseconds: Int64
    /// How long into a month nothing is sent at all, though Waldur was seen to have turned it.
    package var turnDelayMilliseconds: Int64
    /// When into a month it is an alarm that nobody has seen Waldur turn it.
    package var turnAlarmMilliseconds: Int64
    /// How long before the guard the default decides about a foreign figure.
    package var foreignDecideMilliseconds: Int64
    /// The default: Waldur's figure stands, rather than Meter's being sent again.
    package var acceptsForeign: Bool
    /// How often it is looked for usage that came after its month was cut.
    package var lateMilliseconds: Int64
    /// So long before a month's end half of the resources may have their last total at most; a final flush
    /// that takes longer is warned of.
    package var tailMillisecondsMax: Int64
    /// The longest pause after failures.
    package var backOffMillisecondsMax: Int64

    package init(
        waldur: WaldurID,
        zone: WaldurZone = .utc,
        accounts: [ReportingAccount] = [.only],
        cycleMilliseconds: Int64 = 300_000,
        requestLifeMilliseconds: Int64 = 120_000,
        lookMilliseconds: Int64 = 5_000,
        guardMilliseconds: Int64 = 120_000,
        turnDelayMilliseconds: Int64 = 1_800_000,
        turnAlarmMilliseconds: Int64 = 6 * 3_600_000,
        foreignDecideMilliseconds: Int64 = 86_400_000,
        acceptsForeign: Bool = false,
        lateMilliseconds: Int64 = 3_600_000,
        tailMillisecondsMax: Int64 = 600_000,
        backOffMillisecondsMax: Int64 = 300_000
    ) {
        self.waldur = waldur
        self.zone = zone
        self.accounts = accounts.isEmpty ? [.only] : accounts
        self.cycleMilliseconds = cycleMilliseconds
        self.requestLifeMilliseconds = requestLifeMilliseconds
        self.lookMilliseconds = lookMilliseconds
        self.guardMilliseconds = max(guardMilliseconds, requestLifeMilliseconds)
        self.turnDelayMilliseconds = turnDelayMilliseconds
        self.turnAlarmMilliseconds = turnAlarmMilliseconds
        self.foreignDecideMilliseconds = foreignDecideMilliseconds
        self.acceptsForeign = acceptsForeign
        self.lateMilliseconds = lateMilliseconds
        self.tailMillisecondsMax = tailMillisecondsMax
        self.backOffMillisecondsMax = backOffMillisecondsMax
    }
}
