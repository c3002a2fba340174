internal import GRDB
package import Meter
package import MeterWire

/// One component of one intent, with what became of it.
package struct CatalogSubmission: Equatable, Sendable {
    package enum State: String, Sendable { case intended, unknown, confirmed, refused }

    package let number: UInt64
    package let key: SubmissionKey
    package let position: UInt64
    package let total: Quantity
    package let amount: Hundredths
    package let state: State
    package let intended: Timestamp
    /// nil while the outcome is not final.
    package let settled: Timestamp?
    package let status: Int?
    package let note: String?
}

/// What is asked of the catalog rather than of the book's state, which keeps no history.
extension Catalog {
    /// The files that count, by name.
    package func files() throws(CatalogError) -> [CatalogFile] {
        try read { try CatalogFiles.fetch($0) }
    }

    /// Everything that was told, or was to be told, for a resource in a month, oldest first.
    package func submissions(
        of resource: ResourceKey,
        in month: BillingMonth
    ) throws(CatalogError) -> [CatalogSubmission] {
        try read { database in
            let rows = try Row.fetchAll(
                database,
                sql: """
                    SELECT * FROM submissions WHERE waldur = ? AND resource = ? AND month = ?
                    ORDER BY number, component
                    """,
                arguments: [
                    resource.waldur.name, resource.resource.description, month.description,
                ]
            )
            return rows.compactMap { submission($0, of: resource, in: month) }
        }
    }

    private func submission(
        _ row: Row,
        of resource: ResourceKey,
        in month: BillingMonth
    ) -> CatalogSubmission? {
        guard let planPeriod = PlanPeriodID(row["plan_period"] as String),
            let position = UInt64(row["position"] as String, radix: 16),
            let total = UInt128(row["total"] as String),
            let amount = Hundredths(row["amount"] as String),
            let state = CatalogSubmission.State(rawValue: row["state"])
        else { return nil }
        let key = SubmissionKey(
            waldur: resource.waldur,
            resource: resource.resource,
            component: Name(row["component"] as String),
            planPeriod: planPeriod,
            month: month
        )
        return CatalogSubmission(
            number: UInt64(bitPattern: row["number"]),
            key: key,
            position: position,
            total: Quantity(total),
            amount: amount,
            state: state,
            intended: Timestamp(milliseconds: row["intended"]),
            settled: (row["settled"] as Int64?).map { Timestamp(milliseconds: $0) },
            status: (row["status"] as Int64?).map { Int(clamping: $0) },
            note: row["note"]
        )
    }
}
