package import Meter
package import MeterWaldur
package import MeterWire

/// What the administration asks of the reporter. Amounts are Waldur's decimal strings.
package protocol ReportingControl: Sendable {
    /// What is asked of one Waldur alone; nil for whichever is meant.
    func control(of waldur: WaldurID?) throws(ReportingFailure) -> any ReportingControl
    /// What would be told now, row by row; nothing is sent.
    func preview() async throws(ReportingFailure) -> ReportPlan
    /// Tells what is to be told and reads it back; says how things stand then.
    func submit() async throws(ReportingFailure) -> ReportPlan
    /// How reporting stands, without asking Waldur.
    func status() -> [ReportingStatus]
    /// Lets the reporter go on in a month that it held at the end of the one before.
    func resume(
        waldur: WaldurID?,
        month: BillingMonth,
        isDryRun: Bool,
        author: String
    ) async throws(ReportingFailure)
    /// Takes a resource over from another reporter; why not, if it was not, or would not be.
    func adopt(
        _ resource: ResourceID,
        from: Minute,
        isDryRun: Bool,
        author: String
    ) async throws(ReportingFailure) -> [String]
    /// Tells everything of a resource and leaves it to another reporter; a dry run tells nothing, either.
    func release(
        _ resource: ResourceID,
        reason: String,
        isDryRun: Bool,
        author: String
    ) async throws(ReportingFailure)
    /// Tells everything of an order's resource, and then approves the order.
    func approve(_ order: OrderID) async throws(ReportingFailure)
    /// A month in four columns: claims, ledger, Waldur's usage rows and invoice items, read now; one for each
    /// Waldur.
    func reconcile(
        _ request: ReconciliationRequest
    ) async throws(ReportingFailure) -> [Reconciliation]
    /// Why a binding may not start live, such as a usage row that Waldur already shows; nil if it may.
    func liveRefusal(of binding: Binding) async throws(ReportingFailure) -> String?
    /// What is wrong between bindings, components and Waldur's offerings.
    func check() async throws(ReportingFailure) -> [MapFinding]
    /// Reads an offering and books how its components are fed; with `isDryRun` says what would be booked.
    func syncOffering(
        _ offering: OfferingID,
        given: OfferingWishes,
        isDryRun: Bool,
        author: String
    ) async throws(ReportingFailure) -> OfferingSync
    /// Binds the resources of an offering, or says what would be bound.
    func syncMap(_ request: MapSyncRequest) async throws(ReportingFailure) -> MapSync
    /// Up to when the newest reconciliation found no difference; nil if there was none.
    func reconciledThrough() -> Timestamp?
}

/// Why the reporter did not do what it was asked.
package struct ReportingFailure: Error, Sendable {
    package enum Kind: Sendable {
        /// Something must be decided first.
        case precondition
        /// Waldur does not answer, or it is not known what became of a call.
        case unavailable
        case failed
    }

    package let kind: Kind
    /// What happened and what to do.
    package let detail: String

    package init(_ kind: Kind, _ detail: String) {
        self.kind = kind
        self.detail = detail
    }

    var problem: Problem {
        switch kind {
        case .precondition: .precondition(detail)
        case .unavailable: .unavailable(detail)
        case .failed:
            Problem("reporting-failed", status: 500, title: "Reporting failed", detail: detail)
        }
    }
}

/// One row of Waldur's usage, or what would be one.
package struct ReportedFigure: Sendable {
    package let waldur: WaldurID
    package let resource: ResourceID
    /// nil for usage that belongs to none.
    package let planPeriod: PlanPeriodID?
    package let month: BillingMonth
    package let component: Name
    package let tenants: Set<Name>

    package init(
        waldur: WaldurID,
        resource: ResourceID,
        planPeriod: PlanPeriodID?,
        month: BillingMonth,
        component: Name,
        tenants: Set<Name>
    ) {
        self.waldur = waldur
        self.resource = resource
        self.planPeriod = planPeriod
        self.month = month
        self.component = component
        self.tenants = tenants
    }

    var members: [JSONMember] {
        [
            JSONMember("waldur", .string(waldur.name)),
            JSONMember("tenants", .array(tenants.sorted().map { .string($0.description) })),
            JSONMember("resource", .string(resource.description)),
            JSONMember("planPeriod", .optional(planPeriod)),
            JSONMember("month", .string(month.description)),
            JSONMember("component", .string(component.description)),
        ]
    }
}

/// What is told, or would be.
package struct ReportPlan: Sendable {
    package struct Row: Sendable {
        package let figure: ReportedFigure
        /// What Waldur shows; nil without a row.
        package let waldurs: String?
        /// What the ledger says.
        package let ours: String
        /// `send`, `unchanged`, `in-flight`, or why it is held back.
        package let state: String

        package init(figure: ReportedFigure, waldurs: String?, ours: String, state: String) {
            self.figure = figure
            self.waldurs = waldurs
            self.ours = ours
            self.state = state
        }
    }

    package var rows: [Row]
    /// What keeps figures from being told, or makes one doubtful; a sentence each.
    package var findings: [String]
    /// Whether anything is sent at this time, and why not.
    package var window: String

    package init(rows: [Row], findings: [String], window: String) {
        self.rows = rows
        self.findings = findings
        self.window = window
    }

    var json: JSONOutput {
        let rows = rows.map { row in
            JSONOutput.object(
                row.figure.members + [
                    JSONMember("ours", .string(row.ours)),
                    JSONMember("shown", .optional(row.waldurs)),
                    JSONMember("state", .string(row.state)),
                ]
            )
        }
        return [
            "window": .string(window), "rows": .array(rows),
            "findings": .array(findings.map { .string($0) }),
        ]
    }
}

/// What is reconciled.
package struct ReconciliationRequest: Sendable {
    /// nil for each Waldur's present month.
    package var month: BillingMonth?
    /// nil for all.
    package var tenant: Name?

    package init(month: BillingMonth? = nil, tenant: Name? = nil) {
        self.month = month
        self.tenant = tenant
    }
}

/// How reporting to one Waldur stands.
package struct ReportingStatus: Sendable {
    package let waldur: WaldurID
    /// `reporting`, `held`, `failing`, `starting`.
    package let state: String
    package let detail: String
    package let lastSuccess: Timestamp?
    package let openIntents: Int
    package let unknownIntents: Int
    /// In months that are not closed.
    package let incidents: Int
    /// Accounts whose two sides differ.
    package let violations: Int
    /// What the last cycle of the present month will be like; nil before that can be said.
    package let flush: FlushForecast?
    /// What a person should know of it now; nil for nothing.
    package let flushWarning: String?

    package init(
        waldur: WaldurID,
        state: String,
        detail: String,
        lastSuccess: Timestamp?,
        openIntents: Int,
        unknownIntents: Int,
        incidents: Int = 0,
        violations: Int = 0,
        flush: FlushForecast? = nil,
        flushWarning: String? = nil
    ) {
        self.waldur = waldur
        self.state = state
        self.detail = detail
        self.lastSuccess = lastSuccess
        self.openIntents = openIntents
        self.unknownIntents = unknownIntents
        self.incidents = incidents
        self.violations = violations
        self.flush = flush
        self.flushWarning = flushWarning
    }

    var json: JSONOutput {
        [
            "waldur": .string(waldur.name), "state": .string(state),
            "detail": .string(detail),
            "lastSuccess": .optional(lastSuccess.map(RFC3339.text)),
            "openIntents": .count(openIntents), "unknownIntents": .count(unknownIntents),
            "incidents": .count(incidents), "violations": .count(violations),
            "flush": flush.map { $0.json(flushWarning) } ?? .null,
        ]
    }
}

/// One thing that is wrong with the map, or worth a look.
package struct MapFinding: Sendable {
    /// Whether usage will not be billed as it is.
    package let isError: Bool
    /// Which binding, resource or component.
    package let subject: String
    /// What is wrong and what to do.
    package let detail: String

    package init(isError: Bool, subject: String, detail: String) {
        self.isError = isError
        self.subject = subject
        self.detail = detail
    }

    var json: JSONOutput {
        [
            "severity": .string(isError ? "error" : "warning"), "subject": .string(subject),
            "detail": .string(detail),
        ]
    }
}
