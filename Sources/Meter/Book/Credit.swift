/// Waldur's staff have granted a credit that was requested: an invoice item of theirs says so.
package struct CreditGranted: Equatable, Codable, Sendable {
    /// The carry that became a credit request.
    package let number: UInt64
    /// The invoice item that grants it.
    package let item: InvoiceItemID
    /// What the item comes to in Waldur's currency, as it was read; nil where nobody could read it.
    package let price: String?
    package let reason: String?

    package init(
        number: UInt64,
        item: InvoiceItemID,
        price: String? = nil,
        reason: String? = nil
    ) {
        self.number = number
        self.item = item
        self.price = price
        self.reason = reason
    }
}
