internal import Meter

/// One row of Waldur's usage: one total of one component in one plan period and month.
package struct UsageRowID: WaldurUUID {
    package let high: UInt64
    package let low: UInt64
    package init(high: UInt64, low: UInt64) { (self.high, self.low) = (high, low) }
}

/// An organization in Waldur; Meter's tenant.
package struct CustomerID: WaldurUUID {
    package let high: UInt64
    package let low: UInt64
    package init(high: UInt64, low: UInt64) { (self.high, self.low) = (high, low) }
}

/// A project of a customer, in which resources are ordered.
package struct ProjectID: WaldurUUID {
    package let high: UInt64
    package let low: UInt64
    package init(high: UInt64, low: UInt64) { (self.high, self.low) = (high, low) }
}

/// What one customer owes for one month.
package struct InvoiceID: WaldurUUID {
    package let high: UInt64
    package let low: UInt64
    package init(high: UInt64, low: UInt64) { (self.high, self.low) = (high, low) }
}
