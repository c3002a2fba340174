package import Meter
package import MeterWire

/// What a cycle would tell now.
package struct ReportPreview: Sendable {
    package struct Row: Sendable {
        package let key: SubmissionKey
        package let tenants: Set<Name>
        package let line: SubmissionPlan.Line
        package let residue: LedgerAmount

        /// `send`, `unchanged`, `in-flight` or the reason why it is held.
        package var state: String {
            switch line.verdict {
            case .unchanged: "unchanged"
            case .tell: "send"
            case .inFlight: "in-flight"
            case .held(let kind): kind.rawValue
            }
        }
    }

    /// Whether anything would be sent at all.
    package let window: ReportingWindow
    package var rows: [Row] = []
    package var findings: [ReportFinding] = []
}

extension ReporterService {
    /// Reads Waldur and the ledger and weighs every row as a cycle would; nothing is sent.
    ///
    /// - Parameter tenant: Only resources that one of this tenant's bindings names; nil for all.
    package nonisolated func preview(
        tenant: Name? = nil
    ) async throws(ReporterTrouble) -> ReportPreview {
        let readings = try await readings(tenant: tenant)
        var preview = ReportPreview(window: status.window)
        preview.findings = readings.unseen.map { ReportFinding(.resourceUnseen, resource: $0) }
        for reading in readings.seen where reading.isLive {
            let plan = SubmissionPlan(reading.planInput(waldur: settings.waldur))
            preview.findings += plan.findings
            for line in plan.lines {
                let key = reading.observation.key(
                    line,
                    of: reading.listing.id,
                    in: settings.waldur
                )
                preview.rows.append(
                    ReportPreview.Row(
                        key: key,
                        tenants: reading.tenants,
                        line: line,
                        residue: line.figure?.residue ?? .zero
                    )
                )
            }
        }
        return preview
    }

    /// Every bound resource, read now.
    nonisolated func readings(
        tenant: Name?
    ) async throws(ReporterTrouble) -> (seen: [ResourceReading], unseen: [ResourceID]) {
        let clock = try await measuredClock()
        let present = moment.now
        guard let month = BillingMonth(of: clock.earliest(at: present), in: settings.zone) else {
            throw ReporterTrouble("Waldur's clock stands in no month")
        }
        var reader = makeReader()
        var seen: [ResourceReading] = []
        var unseen: [ResourceID] = []
        let bound = BoundResource.all(
            in: month,
            of: settings,
            book: engine.bookState,
            tenant: tenant
        )
        for entry in bound {
            let reading = try await reader.read(
                entry.resource,
                isLive: entry.isLive,
                tenants: entry.tenants
            )
            if let reading { seen.append(reading) } else { unseen.append(entry.resource) }
        }
        return (seen, unseen)
    }
}
