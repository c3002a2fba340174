package import MeterWire

/// A calendar month; which moments are in it is a Waldur's time zone's affair.
package struct BillingMonth: Hashable, Comparable, Codable, Sendable, CustomStringConvertible {
    package let year: Int
    package let month: Int

    /// nil unless the month is 1...12 and the year has four digits.
    package init?(year: Int, month: Int) {
        guard (1000...9999).contains(year), (1...12).contains(month) else { return nil }
        self.year = year
        self.month = month
    }

    /// Reads `2026-11`.
    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard text.utf8.count == 7, parts.count == 2, let year = Int(parts[0]),
            let month = Int(parts[1]), parts[1].utf8.count == 2
        else { return nil }
        self.init(year: year, month: month)
        guard description == text else { return nil }
    }

    package var description: String { "\(year)-\(month < 10 ? "0" : "")\(month)" }

    package static func < (left: BillingMonth, right: BillingMonth) -> Bool {
        (left.year, left.month) < (right.year, right.month)
    }

    package init(from decoder: any Decoder) throws {
        self = try decodeText(decoder, as: BillingMonth.self) { BillingMonth($0) }
    }

    package func encode(to encoder: any Encoder) throws { try encodeText(description, to: encoder) }
}

/// What one row of Waldur's usage stands for.
package struct SubmissionKey: Hashable, Comparable, Codable, Sendable, CustomStringConvertible {
    package let waldur: WaldurID
    package let resource: ResourceID
    package let component: Name
    package let planPeriod: PlanPeriodID
    package let month: BillingMonth

    package init(
        waldur: WaldurID,
        resource: ResourceID,
        component: Name,
        planPeriod: PlanPeriodID,
        month: BillingMonth
    ) {
        self.waldur = waldur
        self.resource = resource
        self.component = component
        self.planPeriod = planPeriod
        self.month = month
    }

    package var resourceKey: ResourceKey { ResourceKey(waldur: waldur, resource: resource) }

    package var description: String {
        "\(waldur)/\(resource) \(component) in plan period \(planPeriod), \(month)"
    }

    package static func < (left: SubmissionKey, right: SubmissionKey) -> Bool {
        if left.resourceKey != right.resourceKey { return left.resourceKey < right.resourceKey }
        if left.month != right.month { return left.month < right.month }
        if left.planPeriod != right.planPeriod { return left.planPeriod < right.planPeriod }
        return left.component < right.component
    }
}

/// One call to a Waldur that is about to be made: absolute totals, in the book before the call.
package struct SubmissionIntent: Equatable, Codable, Sendable {
    /// One component's new total.
    package struct Item: Equatable, Codable, Sendable {
        package let component: Name
        /// What the figure rests on, in the smallest unit.
        package let total: Quantity
        /// What Waldur is told.
        package let amount: Hundredths

        package init(component: Name, total: Quantity, amount: Hundredths) {
            self.component = component
            self.total = total
            self.amount = amount
        }
    }

    /// Stands in Waldur's `description`; larger than that of every intent before.
    package private(set) var number: UInt64
    package let waldur: WaldurID
    package let resource: ResourceID
    package let planPeriod: PlanPeriodID
    package let month: BillingMonth
    /// The journal position at which the totals are exact.
    package let position: UInt64
    package let items: [Item]
    /// Why a confirmed figure may be lowered; without it an intent that lowers one is refused.
    package let lowersBecause: String?
    /// Which of this Waldur's accounts it is sent through, and looked up through while its outcome is unknown;
    /// nil where there is only one.
    package let account: String?

    package init(
        number: UInt64,
        waldur: WaldurID,
        resource: ResourceID,
        planPeriod: PlanPeriodID,
        month: BillingMonth,
        position: UInt64,
        items: [Item],
        lowersBecause: String? = nil,
        account: String? = nil
    ) {
        self.number = number
        self.waldur = waldur
        self.resource = resource
        self.planPeriod = planPeriod
        self.month = month
        self.position = position
        self.items = items
        self.lowersBecause = lowersBecause
        self.account = account
    }

    /// The same under another number.
    package func numbered(_ number: UInt64) -> SubmissionIntent {
        var copy = self
        copy.number = number
        return copy
    }

    package func key(_ component: Name) -> SubmissionKey {
        SubmissionKey(
            waldur: waldur,
            resource: resource,
            component: component,
            planPeriod: planPeriod,
            month: month
        )
    }
}

/// What became of an intent, or of some of its components: a call is not atomic over them.
package struct SubmissionOutcome: Equatable, Codable, Sendable {
    package let number: UInt64
    /// nil for every component of the intent that is still open.
    package let components: [Name]?
    /// Waldur's status, where it answered.
    package let status: Int?
    package let note: String?

    package init(
        number: UInt64,
        components: [Name]? = nil,
        status: Int? = nil,
        note: String? = nil
    ) {
        self.number = number
        self.components = components
        self.status = status
        self.note = note
    }
}
