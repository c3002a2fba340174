package import Meter
package import MeterWire

extension BookState {
    /// Incidents of a Waldur in months that are not closed for everybody whose resource it was, oldest first:
    /// somebody has to look at them before the closing.
    package func openIncidents(
        of waldur: WaldurID,
        in zone: WaldurZone
    ) -> [(incident: Incident, found: Timestamp)] {
        billing.incidents.filter {
            $0.incident.key.waldur == waldur && !isClosed($0.incident.key, in: zone)
        }
    }

    private func isClosed(_ key: SubmissionKey, in zone: WaldurZone) -> Bool {
        let start = key.month.start(in: zone)
        let end = key.month.end(in: zone)
        let tenants = bindings.values.joined().filter { binding in
            binding.resourceKey == key.resourceKey && binding.from.start < end
                && binding.to.map { $0.start > start } ?? true
        }.map(\.tenant)
        return !tenants.isEmpty
            && tenants.allSatisfy { tenant in
                let period = TenantPeriod(waldur: key.waldur, month: key.month, tenant: tenant)
                return billing.periods[period].map { !$0.isReopened } ?? false
            }
    }
}

extension Incident {
    /// For `report status` and the log.
    package var summary: String {
        "\(kind.rawValue), resource \(key.resource), \(key.component), \(quantity)"
    }
}
