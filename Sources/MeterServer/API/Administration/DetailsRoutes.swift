internal import Meter
internal import MeterWire

/// `/admin/v1/details`: what details hold, what of them is folded or missing; and their erasure.
struct DetailsRoutes {
    let context: ServerContext

    /// Tenants that are listed, those with most folded calls first.
    private static let tenantMax = 100

    var routes: [APIRoute] {
        [
            APIRoute(.get, "/admin/v1/details", scopes: .admin) { call throws(Problem) in
                try call.query.allow([])
                return .json(try state())
            },
            APIRoute(
                .post,
                "/admin/v1/details/erase",
                scopes: .admin,
                bodyByteCountMax: 1 << 12
            ) { call throws(Problem) in try erase(call) },
        ]
    }

    private func state() throws(Problem) -> JSONOutput {
        let files = context.engine.detailsFiles
        let pending: [DetailsErasure]
        do throws(EngineError) {
            pending = try context.engine.pendingErasures()
        } catch {
            throw .unavailable("A file of details cannot be read; `meterctl verify` names it.")
        }
        return [
            "files": .count(files.count),
            "bytes": .decimal(files.reduce(0) { $0 + UInt64($1.byteCount) }),
            "rows": .decimal(files.reduce(0) { $0 + $1.rowCount }),
            "calls": .decimal(files.reduce(0) { $0 + $1.calls }),
            "memoryBytes": .count(context.engine.heldDetailByteCount),
            "folded": .array(folded()),
            "missing": .array(context.engine.missingDetails.map { .string($0) }),
            "erasuresPending": .array(
                pending.map {
                    [
                        "tenant": .string($0.tenant.description),
                        "user": .string($0.user.description), "reason": .string($0.reason),
                    ]
                }
            ),
        ]
    }

    private func folded() -> [JSONOutput] {
        let calls = context.engine.foldedCalls.sorted {
            ($1.value.sum, $0.key) < ($0.value.sum, $1.key)
        }
        return calls.prefix(Self.tenantMax).map { tenant, calls in
            [
                "tenant": .string(tenant.description), "models": .decimal(calls.byModels),
                "users": .decimal(calls.byUsers), "keys": .decimal(calls.byKeys),
            ]
        }
    }

    /// Answers when the decision is durable; files are rewritten soon after.
    private func erase(_ call: APICall) throws(Problem) -> APIAnswer {
        let fields = try RequestFields(call.body, allowed: ["tenant", "user", "reason", "dryRun"])
        let erasure = DetailsErasure(
            tenant: try fields.name("tenant"), user: try fields.name("user"),
            position: context.engine.appended, reason: try fields.text("reason"))
        let isDryRun = try fields.isDryRun()
        let entries = try context.book.decide(
            [.detailsErased(erasure)],
            call.caller,
            isDryRun: isDryRun
        )
        return .json(
            [
                "entry": .optional(isDryRun ? nil : entries.last.map { "\($0.number)" }),
                "tenant": .string(erasure.tenant.description),
                "user": .string(erasure.user.description),
                "position": .decimal(erasure.position),
            ], status: isDryRun ? 200 : 202)
    }
}
