package import Meter
package import MeterWire

/// One item of an invoice as the provider sees it.
///
/// It names neither its invoice nor that invoice's month, state or customer: those are known from the
/// question alone.
package struct WaldurInvoiceItem: Equatable, Sendable {
    package let id: InvoiceItemID
    package let name: String
    package let resource: ResourceID?
    /// As it was when the item was made; compensations have no other trace of their resource.
    package let resourceName: String?
    package let project: ProjectID?
    package let offering: OfferingID?
    package let component: Name?
    /// `usage`, `limit`, `fixed`, `one` or `few`; nil for compensations.
    package let billingType: String?
    /// The resource's plan when the item was made, which after a switch need not be the one whose price
    /// it has.
    package let plan: PlanID?
    package let unit: String
    package let measuredUnit: String
    package let quantity: ExactDecimal
    /// Frozen when the item was made.
    package let unitPrice: ExactDecimal
    /// Quantity × unit price, rounded up to 0.01, away from zero.
    package let price: ExactDecimal
    package let tax: ExactDecimal
    package let total: ExactDecimal
    package let start: Timestamp?
    package let end: Timestamp?
}

/// One invoice that the account may see.
package struct WaldurInvoice: Equatable, Sendable {
    package let id: InvoiceID
    package let number: Int
    package let customer: CustomerID
    package let month: BillingMonth
    /// `pending` until the monthly task closes it, then `created`, `paid` or `canceled`.
    package let state: String
}

extension WaldurInvoiceItem {
    init(_ json: JSONValue) throws(WaldurError) {
        id = try json.uuid("uuid")
        name = try json.text("name")
        let details = json["details"]
        resource = json.optionalUUID("resource_uuid") ?? details?.optionalUUID("resource_uuid")
        resourceName = json["resource_name"]?.string
        project = json.optionalUUID("project_uuid")
        offering = details?.optionalUUID("offering_uuid")
        component = details?["offering_component_type"]?.string.map { Name($0) }
        billingType = json["billing_type"]?.string
        plan = details?.optionalUUID("plan_uuid")
        unit = try json.text("unit")
        measuredUnit = json["measured_unit"]?.string ?? ""
        quantity = try json.decimal("quantity")
        unitPrice = try json.decimal("unit_price")
        price = try json.decimal("price")
        tax = try json.decimal("tax")
        total = try json.decimal("total")
        start = try json.optionalTime("start")
        end = try json.optionalTime("end")
    }
}

extension WaldurInvoice {
    init(_ json: JSONValue) throws(WaldurError) {
        id = try json.uuid("uuid")
        number = try json.required("number") { $0.wholeNumber }
        customer = try json.required("customer") { value in
            value.string.flatMap { url in
                url.split(separator: "/").last.flatMap { CustomerID($0) }
            }
        }
        let year = try json.required("year") { $0.wholeNumber }
        let month = try json.required("month") { $0.wholeNumber }
        guard let billing = BillingMonth(year: year, month: month) else {
            throw .malformed("no month \(year)-\(month)")
        }
        self.month = billing
        state = try json.text("state")
    }
}
