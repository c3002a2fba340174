internal import Meter
internal import MeterWire

/// `/admin/v1/names`: names that usage came under, for completing what somebody types and for guessing
/// what they meant.
struct NameRoutes {
    let context: ServerContext

    private static let answerCountMax = 100

    var routes: [APIRoute] {
        [
            APIRoute(.get, "/admin/v1/names", scopes: .admin) { call throws(Problem) in
                try names(call)
            }
        ]
    }

    private func names(_ call: APICall) throws(Problem) -> APIAnswer {
        try call.query.allow(["kind", "tenant", "prefix", "near"])
        let tenant = try call.query.one("tenant")
        let kind = try call.query.one("kind") ?? ""
        let known = try known(kind, tenant: tenant)
        let prefix = try call.query.one("prefix")
        var names: [String]
        if let near = try call.query.one("near") {
            guard prefix == nil else {
                throw .badQuery("`prefix` and `near` exclude each other.")
            }
            let isMade = ["tenants", "agents", "components"].contains(kind)
            // Names that people number mean others: bot-2 is no mistyped bot-1.
            let candidates =
                isMade
                ? known.filter { $0 == near || !Self.differOnlyInDigits($0, near) } : known
            names = NearestName.of(near, among: candidates).map { [$0] } ?? []
        } else {
            names = known.filter { $0.hasPrefix(prefix ?? "") }.sorted()
            names = Array(names.prefix(Self.answerCountMax))
        }
        return .json(["names": .array(names.map { .string($0) })])
    }

    private static func differOnlyInDigits(_ one: String, _ other: String) -> Bool {
        func letters(_ text: String) -> [UInt8] {
            text.utf8.filter { !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        }
        return letters(one) == letters(other)
    }

    /// What was used, declared or made.
    private func known(_ kind: String, tenant: String?) throws(Problem) -> [String] {
        let book = context.book.state
        let engine = context.engine
        switch kind {
        case "tenants":
            let declared = Set(book.accesses.values.map(\.tenant))
            return declared.union(engine.knownTenants()).map(\.description)
        case "agents":
            guard let tenant else { throw .badQuery("Agents have a `tenant`; name it.") }
            let name = try RequestFields.name(tenant, "tenant")
            let declared = Set(book.accesses.values.filter { $0.tenant == name }.map(\.agent))
            return declared.union(engine.knownAgents(of: name)).map(\.description)
        case "components":
            return Set(book.components.keys).union(engine.knownComponents())
                .map(\.description)
        case "keys": return book.keys.keys.map(\.description)
        case "sources": return engine.sources().map { $0.key.source.description }
        case "resources":
            let bound = book.bindings.values.joined().map(\.resource)
            return Set(bound + book.resources.keys.map(\.resource)).map(\.description)
        default:
            throw .badQuery(
                "`kind` is tenants, agents, components, keys, sources or resources."
            )
        }
    }
}
