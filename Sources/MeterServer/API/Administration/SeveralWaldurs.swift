internal import Meter
internal import MeterWaldur
internal import MeterWire

/// The reporters of all configured Waldurs, as the administration sees them: what can be said of all of them
/// is; what concerns one goes to the one that is named, or that the book knows it of.
final class SeveralWaldurs: ReportingControl {
    private let controls: [WaldurReporting]
    private let book: @Sendable () -> BookState

    private init(_ controls: [WaldurReporting], book: @escaping @Sendable () -> BookState) {
        self.controls = controls
        self.book = book
    }

    /// What the administration asks; nil where no Waldur is configured.
    static func control(
        _ controls: [WaldurReporting],
        _ context: ServerContext
    ) -> (any ReportingControl)? {
        switch controls.count {
        case 0: nil
        case 1: controls[0]
        default: SeveralWaldurs(controls) { context.book.state }
        }
    }

    func control(of waldur: WaldurID?) throws(ReportingFailure) -> any ReportingControl {
        guard let waldur else { return self }
        return try one(waldur)
    }

    func preview() async throws(ReportingFailure) -> ReportPlan {
        try await plan { control throws(ReportingFailure) in try await control.preview() }
    }

    func submit() async throws(ReportingFailure) -> ReportPlan {
        try await plan { control throws(ReportingFailure) in try await control.submit() }
    }

    func status() -> [ReportingStatus] { controls.flatMap { $0.status() } }

    func resume(
        waldur: WaldurID?,
        month: BillingMonth,
        isDryRun: Bool,
        author: String
    ) async throws(ReportingFailure) {
        guard let waldur else { throw ambiguous("a month", controls.map(\.waldur)) }
        try await one(waldur).resume(
            waldur: waldur,
            month: month,
            isDryRun: isDryRun,
            author: author
        )
    }

    func adopt(
        _ resource: ResourceID,
        from: Minute,
        isDryRun: Bool,
        author: String
    ) async throws(ReportingFailure) -> [String] {
        try await of(resource).adopt(resource, from: from, isDryRun: isDryRun, author: author)
    }

    func release(
        _ resource: ResourceID,
        reason: String,
        isDryRun: Bool,
        author: String
    ) async throws(ReportingFailure) {
        try await of(resource).release(
            resource,
            reason: reason,
            isDryRun: isDryRun,
            author: author
        )
    }

    func approve(_ order: OrderID) async throws(ReportingFailure) {
        guard let standing = book().billing.orders[order] else {
            throw ReportingFailure(
                .precondition,
                "No cycle has seen order \(order); `meterctl orders list` shows those that were."
            )
        }
        try await one(standing.order.waldur).approve(order)
    }

    func reconcile(
        _ request: ReconciliationRequest
    ) async throws(ReportingFailure) -> [Reconciliation] {
        var found: [Reconciliation] = []
        for control in controls {
            found += try await named(control) { () async throws(ReportingFailure) in
                try await control.reconcile(request)
            }
        }
        return found
    }

    func liveRefusal(of binding: Binding) async throws(ReportingFailure) -> String? {
        try await one(binding.waldur).liveRefusal(of: binding)
    }

    func check() async throws(ReportingFailure) -> [MapFinding] {
        var findings: [MapFinding] = []
        for control in controls {
            let found = try await named(control) { () async throws(ReportingFailure) in
                try await control.check()
            }
            findings += found.map { finding in
                MapFinding(
                    isError: finding.isError,
                    subject: "\(control.waldur): \(finding.subject)",
                    detail: finding.detail
                )
            }
        }
        return findings
    }

    func syncOffering(
        _ offering: OfferingID,
        given: OfferingWishes,
        isDryRun: Bool,
        author: String
    ) async throws(ReportingFailure) -> OfferingSync {
        try await of(offering).syncOffering(
            offering,
            given: given,
            isDryRun: isDryRun,
            author: author
        )
    }

    func syncMap(_ request: MapSyncRequest) async throws(ReportingFailure) -> MapSync {
        try await of(request.offering).syncMap(request)
    }

    /// What is reconciled everywhere.
    func reconciledThrough() -> Timestamp? {
        let times = controls.map { $0.reconciledThrough() }
        return times.contains(nil) ? nil : times.compactMap(\.self).min()
    }

    // MARK: -

    private func one(_ waldur: WaldurID) throws(ReportingFailure) -> WaldurReporting {
        guard let control = controls.first(where: { $0.waldur == waldur }) else {
            throw ReportingFailure(
                .precondition,
                "There is no Waldur `\(QueryItems.shown(waldur.name))`; there are \(names)."
            )
        }
        return control
    }

    /// The one that bindings of a resource name.
    private func of(_ resource: ResourceID) throws(ReportingFailure) -> WaldurReporting {
        let named = Set(book().allBindings.filter { $0.resource == resource }.map(\.waldur))
        guard let only = named.first, named.count == 1 else {
            throw ambiguous("resource \(resource)", named.sorted())
        }
        return try one(only)
    }

    /// The one that the book knows an offering of.
    private func of(_ offering: OfferingID) throws(ReportingFailure) -> WaldurReporting {
        let book = book()
        var named = Set(
            book.resources.filter { $0.value.offering == offering }.map(\.key.waldur)
        )
        named.formUnion(
            book.billing.offeringUnits.values.filter { $0.offering == offering }.map(\.waldur)
        )
        for (waldur, followed) in book.billing.followed where followed[offering] != nil {
            named.insert(waldur)
        }
        guard let only = named.first, named.count == 1 else {
            throw ambiguous("offering \(offering)", named.sorted())
        }
        return try one(only)
    }

    private func ambiguous(_ subject: String, _ named: [WaldurID]) -> ReportingFailure {
        let known = named.isEmpty ? "no binding says" : "\(named.count) Waldurs may be meant"
        return ReportingFailure(
            .precondition,
            "Which Waldur \(subject) belongs to is not clear (\(known)); name it: --waldur with one of "
                + "\(names)."
        )
    }

    private var names: String { controls.map(\.waldur.name).joined(separator: ", ") }

    /// A failure that says which Waldur it comes from.
    private func named<Answer>(
        _ control: WaldurReporting,
        _ question: () async throws(ReportingFailure) -> Answer
    ) async throws(ReportingFailure) -> Answer {
        do throws(ReportingFailure) {
            return try await question()
        } catch {
            throw ReportingFailure(error.kind, "\(control.waldur): \(error.detail)")
        }
    }

    /// Asks every Waldur, also when one fails: what the others were told stands. Then that one's failure is said.
    private func plan(
        _ question: (WaldurReporting) async throws(ReportingFailure) -> ReportPlan
    ) async throws(ReportingFailure) -> ReportPlan {
        var whole = ReportPlan(rows: [], findings: [], window: "")
        var windows: [String] = []
        var failures: [ReportingFailure] = []
        for control in controls {
            do throws(ReportingFailure) {
                let plan = try await named(control) { () async throws(ReportingFailure) in
                    try await question(control)
                }
                whole.rows += plan.rows
                whole.findings += plan.findings.map { "\(control.waldur): \($0)" }
                windows.append("\(control.waldur): \(plan.window)")
            } catch {
                failures.append(error)
            }
        }
        if let first = failures.first {
            throw ReportingFailure(
                first.kind,
                failures.map(\.detail).joined(separator: " ")
            )
        }
        whole.window = windows.joined(separator: "; ")
        return whole
    }
}
