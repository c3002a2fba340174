package import Meter

/// One of the accounts that a Waldur is reported to through: a token of its own, with one request at a time.
package struct ReportingAccount: Hashable, Sendable {
    /// What it is called in the configuration, and where it sent something, in the book.
    package let name: String
    /// The offerings whose resources it may report; nil: those that it sees, as far as Waldur lets it.
    package let offerings: Set<OfferingID>?

    package init(_ name: String, offerings: Set<OfferingID>? = nil) {
        self.name = name
        self.offerings = offerings
    }

    /// The account where there is only one.
    package static let only = ReportingAccount("default")

    /// False where the configuration gives it other offerings.
    package func mayWrite(_ offering: OfferingID) -> Bool {
        offerings.map { $0.contains(offering) } ?? true
    }
}
