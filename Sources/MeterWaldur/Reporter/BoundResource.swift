package import Meter
package import MeterWire

/// A resource that bindings name.
package struct BoundResource: Equatable, Sendable {
    package let resource: ResourceID
    /// Of every binding of it that is valid in the month.
    package var tenants: Set<Name>
    /// Of the live bindings that have no end yet.
    package var liveTenants: Set<Name>
    /// True where one of the bindings is live.
    package var isLive: Bool

    /// Every resource that is bound at some time of the month, in order.
    package static func all(
        in month: BillingMonth,
        of settings: ReporterSettings,
        book: BookState,
        tenant: Name? = nil
    ) -> [BoundResource] {
        let start = month.start(in: settings.zone)
        let end = month.end(in: settings.zone)
        var bound: [ResourceID: BoundResource] = [:]
        for bindings in book.bindings.values {
            for binding in bindings
            where binding.waldur == settings.waldur && binding.from.start < end
                && (binding.to.map { $0.start > start } ?? true)
            {
                var entry =
                    bound[binding.resource]
                    ?? BoundResource(
                        resource: binding.resource,
                        tenants: [],
                        liveTenants: [],
                        isLive: false
                    )
                entry.tenants.insert(binding.tenant)
                if binding.class == .live {
                    entry.isLive = true
                    if binding.to == nil { entry.liveTenants.insert(binding.tenant) }
                }
                bound[binding.resource] = entry
            }
        }
        return bound.values
            .filter { tenant.map($0.tenants.contains) ?? true }
            .sorted { $0.resource < $1.resource }
    }
}
