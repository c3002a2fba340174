internal import Meter
internal import MeterWaldur
internal import MeterWire

/// `/admin/v1/credits`: what Waldur's staff are asked to put right by hand, as lines that are signed, and
/// the invoice items that did.
struct CreditRoutes {
    let context: ServerContext
    let signingKey: SigningKeyFile

    private static let states = ["credit-request", "credited"]

    var routes: [APIRoute] {
        [
            APIRoute(.get, "/admin/v1/credits", scopes: .admin) { call throws(Problem) in
                try call.query.allow(["state"])
                let book = context.book.state
                return .json([
                    "credits": .array(try credits(call, book).map { Credit($0, book).json })
                ])
            },
            APIRoute(.get, "/admin/v1/credits/export", scopes: .admin) { call throws(Problem) in
                try export(call)
            },
            APIRoute(
                .post,
                "/admin/v1/credits/{number}/settle",
                scopes: .admin,
                bodyByteCountMax: 1 << 12
            ) { call throws(Problem) in try settle(call) },
        ]
    }

    private func credits(_ call: APICall, _ book: BookState) throws(Problem) -> [CarryStanding] {
        let state = try call.query.one("state")
        if let state, !Self.states.contains(state) {
            throw .badQuery("`state` is one of \(Self.states.joined(separator: ", ")).")
        }
        return book.billing.carries.values
            .filter { $0.requestsCredit && (state == nil || $0.state == state) }
            .sorted { $0.carry.number < $1.carry.number }
    }

    /// What is requested and not granted, signed like a statement.
    private func export(_ call: APICall) throws(Problem) -> APIAnswer {
        try call.query.allow(["number"])
        let book = context.book.state
        var requested = book.billing.carries.values
            .filter { $0.requestsCredit && $0.credit == nil }
        if let text = try call.query.one("number") {
            requested = requested.filter { "\($0.carry.number)" == text }
            guard !requested.isEmpty else {
                throw .precondition("Carry \(text) is no credit request that waits to be granted.")
            }
        }
        var table = CSVText(Credit.columns)
        for standing in requested.sorted(by: { $0.carry.number < $1.carry.number }) {
            table.add(Credit(standing, book).cells)
        }
        let key = try signingKey.signer(context.book, for: call.caller)
        guard let signed = SignedDocument(table.bytes, .csv, key: key) else {
            throw .unavailable("The credit requests could not be signed.")
        }
        return APIAnswer(contentType: "text/csv; charset=utf-8", body: signed.bytes)
    }

    private func settle(_ call: APICall) throws(Problem) -> APIAnswer {
        let fields = try RequestFields(call.body, allowed: ["item", "price", "reason", "dryRun"])
        guard let item = InvoiceItemID(try fields.text("item")) else {
            throw .badBody("`item` is the uuid of the invoice item that grants it.")
        }
        let price = try fields.optional("price")
        if let price, ExactDecimal(price) == nil {
            throw .badBody("`price` is a decimal number, such as -12.30.")
        }
        guard let number = call.parts["number"].flatMap({ UInt64($0) }) else {
            throw .precondition("There is no credit of this number; see `meterctl credit list`.")
        }
        try context.book.decide(
            [
                .creditGranted(
                    CreditGranted(
                        number: number,
                        item: item,
                        price: price,
                        reason: try fields.optional("reason")
                    )
                )
            ],
            call.caller,
            isDryRun: fields.isDryRun()
        )
        let book = context.book.state
        guard let standing = book.billing.carries[number] else { throw .internalError }
        return .json(Credit(standing, book).json)
    }
}

/// One credit request, as Waldur's staff need it.
private struct Credit {
    private let standing: CarryStanding
    private let quantity: ExactDecimal?
    private let amount: ExactDecimal?
    private let unit: String?
    private let plan: String?

    init(_ standing: CarryStanding, _ book: BookState) {
        self.standing = standing
        let from = standing.carry.from
        // What is credited is what was too much.
        let quantity = ExactDecimal(
            LedgerAmount(-standing.carry.amount.rawValue),
            unitsPerReported: book.unitsPerReported(from.component, of: from.resourceKey)
        )
        self.quantity = quantity
        amount = standing.carry.price.flatMap { ExactDecimal($0) }.flatMap { price in
            try? quantity?.multiplied(by: price)
        }
        unit = book.components[from.component]?.reportedUnit
        plan =
            book.resources[from.resourceKey]?.periods
            .first { $0.id == from.planPeriod }?.planName
    }

    static let columns = [
        "record", "number", "waldur", "customer", "resource", "plan", "planPeriod", "component",
        "month", "quantity", "unit", "price", "amount", "requested", "reason",
    ]

    var cells: [CSVText.Cell] {
        let carry = standing.carry
        func plain(_ value: (some CustomStringConvertible)?) -> CSVText.Cell {
            value.map { .plain($0.description) } ?? .none
        }
        return [
            .plain("credit-request"), .number(carry.number), .text(carry.from.waldur.name),
            .optional(carry.customer?.description), plain(carry.from.resource), .optional(plan),
            plain(carry.from.planPeriod), .text(carry.from.component.description),
            plain(carry.from.month), plain(quantity), .optional(unit), plain(carry.price),
            plain(amount), plain(standing.settledAt.map(RFC3339.text)),
            .optional(standing.settled?.reason),
        ]
    }

    var json: JSONOutput {
        let carry = standing.carry
        return .object([
            JSONMember("number", .decimal(carry.number)),
            JSONMember("state", .string(standing.state)),
            JSONMember("waldur", .string(carry.from.waldur.name)),
            JSONMember("customer", .optional(carry.customer)),
            JSONMember("resource", .string(carry.from.resource.description)),
            JSONMember("plan", .optional(plan)),
            JSONMember("planPeriod", .string(carry.from.planPeriod.description)),
            JSONMember("component", .string(carry.from.component.description)),
            JSONMember("month", .string(carry.from.month.description)),
            JSONMember("quantity", .optional(quantity)),
            JSONMember("unit", .optional(unit)),
            JSONMember("price", .optional(carry.price)),
            JSONMember("amount", .optional(amount)),
            JSONMember("requested", .optional(standing.settledAt.map(RFC3339.text))),
            JSONMember("reason", .optional(standing.settled?.reason)),
            JSONMember("item", .optional(standing.credit?.item)),
            JSONMember("itemPrice", .optional(standing.credit?.price)),
            JSONMember("credited", .optional(standing.creditedAt.map(RFC3339.text))),
        ])
    }
}
