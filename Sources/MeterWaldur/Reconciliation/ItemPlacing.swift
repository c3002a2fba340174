internal import Meter
internal import MeterWire

/// Which row of Meter's each invoice item bills.
///
/// Items name resource and component and no plan period: their start tells it. They name no customer and no
/// month either; those are known from the question.
struct ItemPlacing {
    /// By row, in order of their making as far as Waldur says it.
    private(set) var items: [SubmissionKey: [RowReconciliation.BilledItem]] = [:]
    /// The rows of each resource that have any.
    private(set) var rows: [ResourceKey: Set<SubmissionKey>] = [:]

    init(_ input: ReconciliationInput) {
        let live = Set(input.resources.filter(\.bound.isLive).map(\.bound.resource))
        for (customer, list) in (input.items ?? [:]).sorted(by: { $0.key < $1.key }) {
            for item in list.sorted(by: { $0.id < $1.id }) {
                guard item.billingType == "usage", let resource = item.resource,
                    let component = item.component, live.contains(resource),
                    let key = Self.row(of: item, resource, component, input)
                else { continue }
                items[key, default: []].append((customer, item))
                rows[key.resourceKey, default: []].insert(key)
            }
        }
    }

    /// The plan period that has the item's start; nil where none of the month does.
    private static func row(
        of item: WaldurInvoiceItem,
        _ resource: ResourceID,
        _ component: Name,
        _ input: ReconciliationInput
    ) -> SubmissionKey? {
        let period = input.ledger.period
        let key = ResourceKey(waldur: period.waldur, resource: resource)
        // Only a copy that takes an item back has a start in an earlier month. It is the one that a total of its
        // plan period overwrites.
        guard let start = item.start,
            start >= period.start.start || item.unitPrice.digits < 0,
            let periods = input.book.resources[key]?.periods
        else { return nil }
        let begun = periods.last { $0.start <= start } ?? periods.first
        return begun.map { input.key(component, $0.id, of: key) }
    }

    static func kind(of item: WaldurInvoiceItem) -> Reconciliation.OtherItem.Kind {
        if item.component == nil {
            return item.name.hasPrefix("Credit compensation") ? .customerCredit : .other
        }
        if item.unitPrice.digits < 0 { return .compensation }
        return switch item.billingType {
        case "usage": .otherUsage
        case "fixed": .fixed
        case "limit": .limit
        case "one": .oneTime
        case "few": .planSwitch
        default: .other
        }
    }
}
