internal import Meter
internal import MeterWaldur
internal import MeterWire

/// `/admin/v1/carries`: usage that could not be told in its own plan or billing period, and where it goes.
struct CarryRoutes {
    let context: ServerContext

    private static let states =
        ["waits", "lands"] + CarrySettled.Settlement.allCases.map(\.rawValue) + ["credited"]

    var routes: [APIRoute] {
        [
            APIRoute(.get, "/admin/v1/carries", scopes: .admin) { call throws(Problem) in
                try list(call)
            },
            APIRoute(.get, "/admin/v1/carries/{number}", scopes: .admin) { call throws(Problem) in
                try call.query.allow([])
                return .json(json(try standing(call), context.book.state))
            },
            APIRoute(
                .post,
                "/admin/v1/carries/{number}/settle",
                scopes: .admin,
                bodyByteCountMax: 1 << 12
            ) { call throws(Problem) in try settle(call) },
        ]
    }

    private func list(_ call: APICall) throws(Problem) -> APIAnswer {
        try call.query.allow(["state"])
        let state = try call.query.one("state")
        if let state, !Self.states.contains(state) {
            throw .badQuery("`state` is one of \(Self.states.joined(separator: ", ")).")
        }
        let book = context.book.state
        let carries = book.billing.carries.values
            .filter { state == nil || $0.state == state }
            .sorted { $0.carry.number < $1.carry.number }
        return .json(["carries": .array(carries.map { json($0, book) })])
    }

    private func settle(_ call: APICall) throws(Problem) -> APIAnswer {
        let fields = try RequestFields(call.body, allowed: ["settlement", "reason", "dryRun"])
        guard
            let settlement = CarrySettled.Settlement(rawValue: try fields.text("settlement"))
        else { throw .badBody("`settlement` is landed, credit-request or written-off.") }
        let reason = try fields.text("reason")
        guard !reason.isEmpty else { throw .badBody("`reason` says why; it is not empty.") }
        let standing = try standing(call)
        var target: SubmissionKey?
        if settlement == .landed {
            target = landing(standing.carry, context.book.state)?.target
            guard target != nil else {
                throw .precondition(
                    "The resource has no row to land in any more; request a credit or write it off."
                )
            }
        }
        try context.book.decide(
            [
                .carrySettled(
                    CarrySettled(
                        number: standing.carry.number,
                        settlement: settlement,
                        to: target,
                        reason: reason
                    )
                )
            ],
            call.caller,
            isDryRun: fields.isDryRun()
        )
        return .json(json(try self.standing(call), context.book.state))
    }

    private func standing(_ call: APICall) throws(Problem) -> CarryStanding {
        guard let text = call.parts["number"], let number = UInt64(text),
            let standing = context.book.state.billing.carries[number]
        else { throw .precondition("There is no carry of this number; see `meterctl carry list`.") }
        return standing
    }

    /// Where it would go now; nil before its Waldur has turned to any month.
    private func landing(_ carry: CarryMade, _ book: BookState) -> CarryLanding? {
        book.presentMonth(of: carry.from.waldur).map { CarryLanding(carry, book: book, into: $0) }
    }

    /// Whose usage is told there, as `tenant/agent`.
    private func agents(of resource: ResourceKey, _ book: BookState) -> [JSONOutput] {
        Set(
            book.bindings.values.joined().filter { $0.resourceKey == resource && $0.class == .live }
                .map { "\($0.tenant)/\($0.agent)" }
        ).sorted().map { .string($0) }
    }

    private func json(_ standing: CarryStanding, _ book: BookState) -> JSONOutput {
        let carry = standing.carry
        let units = book.unitsPerReported(carry.from.component, of: carry.from.resourceKey)
        let landing = standing.waits ? landing(carry, book) : nil
        let quantity = ExactDecimal(carry.amount, unitsPerReported: units)
        let difference = landing?.price.flatMap { ExactDecimal($0) }.flatMap { now in
            carry.price.flatMap { ExactDecimal($0) }.flatMap { own in
                try? quantity?.multiplied(by: now.subtracting(own))
            }
        }
        return .object([
            JSONMember("number", .decimal(carry.number)),
            JSONMember("state", .string(standing.state)),
            JSONMember("cause", .string(carry.cause.rawValue)),
            JSONMember("waldur", .string(carry.from.waldur.name)),
            JSONMember("resource", .string(carry.from.resource.description)),
            JSONMember("agents", .array(agents(of: carry.from.resourceKey, book))),
            JSONMember("customer", .optional(carry.customer)),
            JSONMember("month", .string(carry.from.month.description)),
            JSONMember("planPeriod", .string(carry.from.planPeriod.description)),
            JSONMember("component", .string(carry.from.component.description)),
            JSONMember("amount", .string(carry.amount.description)),
            JSONMember("quantity", .optional(quantity)),
            JSONMember("price", .optional(carry.price)),
            JSONMember("presentPrice", .optional(landing?.price)),
            JSONMember("difference", .optional(difference)),
            JSONMember("obstacle", .optional(landing?.obstacle?.rawValue)),
            JSONMember("landsIn", .optional((standing.target ?? landing?.target)?.month)),
            JSONMember("cuts", .count(book.billing.cutsPassed(by: carry))),
            JSONMember("made", .string(RFC3339.text(standing.made))),
            JSONMember("reason", .optional(standing.settled?.reason)),
        ])
    }
}
