package import MeterWire

/// A billable quantity as `components set` declared it.
package struct Component: Equatable, Codable, Sendable {
    package let name: Name
    /// The smallest unit, in which events carry the amount: `ms`, `token`.
    package let unit: String
    /// The unit of what Waldur is told: `s`, `token`.
    package let reportedUnit: String
    /// How many smallest units make one reported unit, at least 1; never changes once used.
    package let unitsPerReported: UInt64

    package init(
        name: Name,
        unit: String,
        reportedUnit: String? = nil,
        unitsPerReported: UInt64 = 1
    ) {
        self.name = name
        self.unit = unit
        self.reportedUnit = reportedUnit ?? unit
        self.unitsPerReported = unitsPerReported
    }
}
