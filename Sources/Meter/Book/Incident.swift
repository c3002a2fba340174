/// A call of Meter's that did harm which no later call takes back; for a person, with what Waldur's staff
/// need to put it right.
package struct Incident: Equatable, Codable, Sendable {
    package enum Kind: String, Codable, Sendable, CaseIterable {
        /// A total of one month was filed under the next. Its quantity is healed by that month's first
        /// total; its price may be frozen.
        case wrongMonth = "wrong-month"
        /// A total was filed before Waldur had turned the month, and froze the old price.
        case beforeTurn = "before-turn"
        /// A resource was switched or terminated before what it had used was told.
        case notFlushed = "not-flushed"
        /// Another Meter, such as one on a restored copy, wrote a figure; Meter's own was told again.
        case secondMeter = "second-meter"
    }

    package let kind: Kind
    /// The row that it was filed under, or that can no longer be told.
    package let key: SubmissionKey
    /// The submission; nil where there was none.
    package let number: UInt64?
    /// What was filed, or what could not be told.
    package let quantity: Hundredths
    /// The unit price that Waldur holds the item to; nil where nobody has seen it.
    package let frozenPrice: String?
    /// The unit price that it should have; nil where nobody has seen it.
    package let duePrice: String?

    package init(
        kind: Kind,
        key: SubmissionKey,
        number: UInt64? = nil,
        quantity: Hundredths,
        frozenPrice: String? = nil,
        duePrice: String? = nil
    ) {
        self.kind = kind
        self.key = key
        self.number = number
        self.quantity = quantity
        self.frozenPrice = frozenPrice
        self.duePrice = duePrice
    }
}
