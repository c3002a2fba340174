internal import Meter
internal import MeterWire

/// `/admin/v1/report`: what Waldur is told.
struct ReportRoutes {
    let reporting: (any ReportingControl)?

    var routes: [APIRoute] {
        [
            APIRoute(.get, "/admin/v1/report/preview", scopes: .admin) {
                call async throws(Problem) in
                try call.query.allow(["waldur"])
                let control = try Self.control(reporting, call)
                return .json(try await Self.ask(control.preview).json)
            },
            APIRoute(.post, "/admin/v1/report/submit", scopes: .admin) {
                call async throws(Problem) in
                try call.query.allow(["waldur"])
                let control = try Self.control(reporting, call)
                return .json(try await Self.ask(control.submit).json)
            },
            APIRoute(.get, "/admin/v1/report/status", scopes: .admin) { call throws(Problem) in
                try call.query.allow([])
                return .json(["reporting": .array(reporting?.status().map(\.json) ?? [])])
            },
            APIRoute(
                .post,
                "/admin/v1/report/resume",
                scopes: .admin,
                bodyByteCountMax: 1 << 12
            ) { call async throws(Problem) in try await resume(call) },
        ]
    }

    private func resume(_ call: APICall) async throws(Problem) -> APIAnswer {
        let control = try Self.control(reporting)
        let fields = try RequestFields(call.body, allowed: ["waldur", "month", "dryRun"])
        guard let month = BillingMonth(try fields.text("month")) else {
            throw .badBody("`month` is the new month, such as 2026-12.")
        }
        let waldur = try fields.optional("waldur").map { WaldurID($0) }
        let isDryRun = try fields.isDryRun()
        let author = call.caller.author
        try await Self.ask { () async throws(ReportingFailure) in
            try await control.resume(
                waldur: waldur,
                month: month,
                isDryRun: isDryRun,
                author: author
            )
        }
        return .json(["month": .string(month.description)])
    }

    /// The reporter of the Waldur that the query names, or of all of them.
    static func control(
        _ control: (any ReportingControl)?,
        _ call: APICall
    ) throws(Problem) -> any ReportingControl {
        let waldur = try call.query.one("waldur").map { WaldurID($0) }
        let reporting = try Self.control(control)
        do throws(ReportingFailure) {
            return try reporting.control(of: waldur)
        } catch {
            throw error.problem
        }
    }

    static func control(_ control: (any ReportingControl)?) throws(Problem) -> any ReportingControl
    {
        guard let control else {
            throw .precondition(
                "The server reports to no Waldur; start it with --waldur-url and "
                    + "--waldur-token-file."
            )
        }
        return control
    }

    static func ask<Answer>(
        _ question: () async throws(ReportingFailure) -> Answer
    ) async throws(Problem) -> Answer {
        do throws(ReportingFailure) {
            return try await question()
        } catch {
            throw error.problem
        }
    }
}
