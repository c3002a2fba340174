internal import Meter
internal import MeterWire

/// `/admin/v1/map/adopt` and `…/release`: a resource changes hands between reporters.
struct TakeoverRoutes {
    let reporting: (any ReportingControl)?

    var routes: [APIRoute] {
        [
            APIRoute(
                .post,
                "/admin/v1/map/adopt",
                scopes: .admin,
                bodyByteCountMax: 1 << 12
            ) { call async throws(Problem) in try await adopt(call) },
            APIRoute(
                .post,
                "/admin/v1/map/release",
                scopes: .admin,
                bodyByteCountMax: 1 << 12
            ) { call async throws(Problem) in try await release(call) },
        ]
    }

    private func adopt(_ call: APICall) async throws(Problem) -> APIAnswer {
        try call.query.allow(["waldur"])
        let control = try ReportRoutes.control(reporting, call)
        let fields = try RequestFields(call.body, allowed: ["resource", "from", "dryRun"])
        let resource = try resource(fields)
        guard let from = try fields.minute("from") else {
            throw .badBody("`from` is the first minute that Meter counts.")
        }
        let isDryRun = try fields.isDryRun()
        let author = call.caller.author
        let refusals = try await ReportRoutes.ask { () async throws(ReportingFailure) in
            try await control.adopt(resource, from: from, isDryRun: isDryRun, author: author)
        }
        guard refusals.isEmpty else {
            throw .precondition(refusals.joined(separator: "; ") + ".")
        }
        return .json([
            "resource": .string(resource.description), "from": .string(RFC3339.text(from)),
        ])
    }

    private func release(_ call: APICall) async throws(Problem) -> APIAnswer {
        try call.query.allow(["waldur"])
        let control = try ReportRoutes.control(reporting, call)
        let fields = try RequestFields(call.body, allowed: ["resource", "reason", "dryRun"])
        let resource = try resource(fields)
        let reason = try fields.text("reason")
        guard !reason.isEmpty else { throw .badBody("`reason` says why; it is not empty.") }
        let isDryRun = try fields.isDryRun()
        let author = call.caller.author
        try await ReportRoutes.ask { () async throws(ReportingFailure) in
            try await control.release(
                resource,
                reason: reason,
                isDryRun: isDryRun,
                author: author
            )
        }
        return .json(["resource": .string(resource.description)])
    }

    private func resource(_ fields: RequestFields) throws(Problem) -> ResourceID {
        guard let resource = ResourceID(try fields.text("resource")) else {
            throw .badBody("`resource` is the uuid of a Waldur resource: 32 hexadecimal digits.")
        }
        return resource
    }
}
