package import Meter
package import MeterWire

/// What the administration asks of the reporter. Amounts are Waldur's decimal strings.
package protocol ReportingControl: Sendable {
    /// What would be told now, row by row; nothing is sent.
    func preview() async throws(ReportingFailure) -> [ReportRow]
    /// Tells what would be told, and reads it back.
    ///
    /// - Parameter tenant: Only this tenant's resources; nil for all.
    func submit(tenant: Name?, author: String) async throws(ReportingFailure) -> [ReportRow]
    /// How reporting stands, without asking Waldur.
    func status() -> [ReportingStatus]
    /// Lets the reporter go on in a month that it held at the end of the one before.
    func resume(
        waldur: WaldurID?, month: BillingMonth, author: String
    ) async throws(ReportingFailure)
    /// Our figures beside Waldur's usage rows, read now.
    func reconcile(tenant: Name?) async throws(ReportingFailure) -> [ReconciliationRow]
    /// Why a binding may not start live, such as a usage row that Waldur already shows; nil if it may.
    func liveRefusal(of binding: Binding) async throws(ReportingFailure) -> String?
    /// What is wrong between bindings, components and Waldur's offerings.
    func check() async throws(ReportingFailure) -> [MapFinding]
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

/// One total that is, was or would be told.
package struct ReportRow: Sendable {
    package let key: SubmissionKey
    package let tenant: Name?
    /// What Waldur has by our book; nil where nothing was told.
    package let confirmed: String?
    /// What the ledger says.
    package let total: String
    /// `send`, `unchanged`, `held`, `confirmed`, `refused`, `unknown`.
    package let state: String
    package let note: String?

    package init(
        key: SubmissionKey, tenant: Name?, confirmed: String?, total: String, state: String,
        note: String? = nil
    ) {
        self.key = key
        self.tenant = tenant
        self.confirmed = confirmed
        self.total = total
        self.state = state
        self.note = note
    }

    var json: JSONOutput {
        .object(
            key.members + [
                JSONMember("tenant", .optional(tenant)),
                JSONMember("confirmed", .optional(confirmed)),
                JSONMember("total", .string(total)), JSONMember("state", .string(state)),
                JSONMember("note", .optional(note)),
            ])
    }
}

/// One figure of ours beside Waldur's.
package struct ReconciliationRow: Sendable {
    package let key: SubmissionKey
    package let tenant: Name?
    package let ours: String
    /// nil where Waldur has no row.
    package let waldurs: String?
    /// Ours minus Waldur's; "0" where both are equal.
    package let difference: String
    /// Why they differ, as far as it is known.
    package let cause: String?
    /// A call is on its way that would explain it.
    package let isInFlight: Bool

    package init(
        key: SubmissionKey, tenant: Name?, ours: String, waldurs: String?, difference: String,
        cause: String? = nil, isInFlight: Bool = false
    ) {
        self.key = key
        self.tenant = tenant
        self.ours = ours
        self.waldurs = waldurs
        self.difference = difference
        self.cause = cause
        self.isInFlight = isInFlight
    }

    /// `equal`, `in-flight` or `differs`.
    package var state: String { difference == "0" ? "equal" : isInFlight ? "in-flight" : "differs" }

    var json: JSONOutput {
        .object(
            key.members + [
                JSONMember("tenant", .optional(tenant)), JSONMember("ours", .string(ours)),
                JSONMember("waldur", .optional(waldurs)),
                JSONMember("difference", .string(difference)), JSONMember("state", .string(state)),
                JSONMember("cause", .optional(cause)),
            ])
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

    package init(
        waldur: WaldurID, state: String, detail: String, lastSuccess: Timestamp?, openIntents: Int,
        unknownIntents: Int
    ) {
        self.waldur = waldur
        self.state = state
        self.detail = detail
        self.lastSuccess = lastSuccess
        self.openIntents = openIntents
        self.unknownIntents = unknownIntents
    }

    var json: JSONOutput {
        [
            "waldur": .string(waldur.name), "state": .string(state),
            "detail": .string(detail),
            "lastSuccess": .optional(lastSuccess.map(RFC3339.text)),
            "openIntents": .count(openIntents), "unknownIntents": .count(unknownIntents),
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

extension SubmissionKey {
    var members: [JSONMember] {
        [
            JSONMember("waldur", .string(waldur.name)),
            JSONMember("resource", .string(resource.description)),
            JSONMember("planPeriod", .string(planPeriod.description)),
            JSONMember("month", .string(month.description)),
            JSONMember("component", .string(component.description)),
        ]
    }
}
