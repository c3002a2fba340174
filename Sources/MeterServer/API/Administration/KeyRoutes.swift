internal import Meter
internal import MeterWire

/// `/admin/v1/keys`: who may do what. A secret is in one answer only, that of its creation.
struct KeyRoutes {
    let context: ServerContext

    var routes: [APIRoute] {
        [
            APIRoute(.get, "/admin/v1/keys", scopes: .admin) { call throws(Problem) in
                try list(call)
            },
            APIRoute(.post, "/admin/v1/keys", scopes: .admin, bodyByteCountMax: 1 << 16) {
                call throws(Problem) in try create(call)
            },
            APIRoute(
                .post,
                "/admin/v1/keys/{id}/rotate",
                scopes: .admin,
                bodyByteCountMax: 1 << 12
            ) { call throws(Problem) in try rotate(call) },
            APIRoute(.delete, "/admin/v1/keys/{id}", scopes: .admin) { call throws(Problem) in
                try revoke(call)
            },
        ]
    }

    private func list(_ call: APICall) throws(Problem) -> APIAnswer {
        try call.query.allow([])
        let state = context.book.state
        let now = context.clock.now()
        let keys = state.keys.values.sorted { ($0.created, $0.key.id) < ($1.created, $1.key.id) }
        return .json([
            "keys": .array(keys.map { Self.json($0, state.principals[$0.key.principal], now) })
        ])
    }

    /// Makes a key, and the principal that holds it where none is named.
    private func create(_ call: APICall) throws(Problem) -> APIAnswer {
        let fields = try RequestFields(
            call.body,
            allowed: [
                "kind", "scopes", "label", "expires", "principal", "platform", "tenant", "dryRun",
            ]
        )
        guard let kind = KeyText.Kind(rawValue: try fields.text("kind")) else {
            throw .badBody("`kind` is wire (for frames over UDP and TCP) or http.")
        }
        let label = try fields.optional("label") ?? ""
        guard label.isEmpty || NameRule.accepts(label) else {
            throw .badBody("`label` is at most 255 bytes of text without control characters.")
        }
        let names = try fields.texts("scopes") ?? (kind == .wire ? ["ingest"] : ["usage"])
        guard let scopes = KeyScopes(names: names), !scopes.isEmpty else {
            throw .badBody("`scopes` are \(KeyScopes.known).")
        }
        let expires = try fields.time("expires")
        if let expires, expires <= context.clock.now() {
            throw .badBody("`expires` is in the past.")
        }
        let (principal, isNew) = try principal(fields, label: label)
        guard kind == .http || scopes == .ingest else {
            throw .badBody("A wire key has the scope ingest and no other.")
        }
        let made = try draw(kind, principal.id, scopes, label: label, expires: expires)
        var decisions: [Decision] = isNew ? [.principalSet(principal)] : []
        decisions.append(.keyCreated(made.key))
        let isDryRun = try fields.isDryRun()
        try context.book.decide(decisions, call.caller, isDryRun: isDryRun)
        return try Self.answer(made, principal, isDryRun: isDryRun)
    }

    /// Draws a key and its secret; nothing is decided yet.
    private func draw(
        _ kind: KeyText.Kind,
        _ principal: PrincipalID,
        _ scopes: KeyScopes,
        label: String,
        expires: Timestamp?
    ) throws(Problem) -> (text: KeyText, key: Key) {
        var random = SystemRandomNumberGenerator()
        switch kind {
        case .http:
            return Key.makeHTTP(
                for: principal,
                scopes: scopes,
                label: label,
                expires: expires,
                using: &random
            )
        case .wire:
            guard let master = context.book.masterKey else {
                throw .precondition(
                    "The server has no master key, from which wire keys are derived; start it with "
                        + "--master-key-file."
                )
            }
            return Key.makeWire(
                for: principal,
                label: label,
                expires: expires,
                master: master,
                using: &random
            )
        }
    }

    /// The one answer that holds a key's secret; one that was drawn for a dry run is forgotten.
    private static func answer(
        _ made: (text: KeyText, key: Key),
        _ principal: Principal,
        isDryRun: Bool,
        besides more: [JSONMember] = []
    ) throws(Problem) -> APIAnswer {
        let members = [
            JSONMember("id", isDryRun ? .null : .string(made.key.id.description)),
            JSONMember("kind", .string(made.key.kind.rawValue)),
            JSONMember("key", isDryRun ? .null : .string(try shown(made.text))),
            JSONMember("scopes", .array(made.key.scopes.names.map { .string($0) })),
            JSONMember("label", .string(made.key.label)),
            JSONMember("principal", json(principal)),
            JSONMember("expires", .optional(made.key.expires.map(RFC3339.text))),
        ]
        return .json(.object(members + more), status: isDryRun ? 200 : 201)
    }

    /// Makes a key that takes another's place. Both are good for as long as something that was sealed or
    /// sent with the old one may still come and be counted; then the old one ends by itself.
    private func rotate(_ call: APICall) throws(Problem) -> APIAnswer {
        try call.query.allow([])
        let id = try Self.id(call)
        let fields = try RequestFields(call.body, allowed: ["overlapHours", "expires", "dryRun"])
        let state = context.book.state
        let now = context.clock.now()
        guard let old = state.keys[id], let principal = state.principals[old.key.principal] else {
            throw .precondition("There is no key \(id); `meterctl keys list` shows them.")
        }
        if let refusal = old.refusal(at: now) {
            throw .precondition("Key \(id) opens nothing any more (\(refusal.rawValue)).")
        }
        let options = context.engine.options
        let horizon =
            old.key.kind == .wire
            ? options.frameHorizonMilliseconds : options.identifierHorizonMilliseconds
        var overlap = horizon
        if let hours = try fields.natural("overlapHours") {
            guard hours <= UInt64(horizon / 3_600_000) else {
                throw .badBody(
                    "`overlapHours` is at most \(horizon / 3_600_000) for a \(old.key.kind.rawValue) "
                        + "key; what it sealed is refused as too old after that anyway."
                )
            }
            overlap = Int64(hours) * 3_600_000
        }
        let expires = try fields.time("expires") ?? Self.renewedExpiry(of: old, at: now)
        if let expires, expires <= now { throw .badBody("`expires` is in the past.") }
        let made = try draw(
            old.key.kind,
            principal.id,
            old.key.scopes,
            label: old.key.label,
            expires: expires
        )
        let replacement = KeyReplacement(
            id: id,
            by: made.key.id,
            ends: now.advanced(byMilliseconds: overlap)
        )
        let isDryRun = try fields.isDryRun()
        try context.book.decide(
            [.keyCreated(made.key), .keyReplaced(replacement)],
            call.caller,
            isDryRun: isDryRun
        )
        let end = min(replacement.ends, old.key.expires ?? replacement.ends)
        let replaced = JSONMember(
            "replaces",
            ["id": .string(id.description), "ends": .string(RFC3339.text(end))]
        )
        return try Self.answer(made, principal, isDryRun: isDryRun, besides: [replaced])
    }

    /// A key that was made to live for some time is followed by one that lives as long again.
    private static func renewedExpiry(of old: KeyStanding, at now: Timestamp) -> Timestamp? {
        old.key.expires.map { expires in
            now.advanced(byMilliseconds: expires.milliseconds &- old.created.milliseconds)
        }
    }

    private static func id(_ call: APICall) throws(Problem) -> KeyID {
        guard let bytes = Hexadecimal.bytes(call.parts["id"] ?? ""), bytes.count == 8 else {
            throw .badQuery(
                "A key's id has 16 hexadecimal digits; `meterctl keys list` shows them."
            )
        }
        return KeyID(rawValue: bytes.reduce(0) { $0 << 8 | UInt64($1) })
    }

    private func principal(
        _ fields: RequestFields,
        label: String
    ) throws(Problem) -> (Principal, isNew: Bool) {
        let state = context.book.state
        let platform = try fields.texts("platform")
        let tenant = try fields.optional("tenant")
        if let number = try fields.natural("principal") {
            guard platform == nil, tenant == nil else {
                throw .badBody("Name a `principal`, or a `platform` or `tenant` for a new one.")
            }
            guard let known = state.principals[PrincipalID(rawValue: number)] else {
                throw .badBody("There is no principal \(number); `meterctl keys list` shows them.")
            }
            return (known, false)
        }
        let kind: Principal.Kind
        switch (platform, tenant) {
        case (let names?, nil):
            if names == ["all"] {
                kind = .platformForAll
            } else {
                guard !names.isEmpty else { throw .badBody("`platform` names tenants, or all.") }
                var tenants: Set<Name> = []
                for name in names { tenants.insert(try RequestFields.name(name, "platform")) }
                kind = .platform(tenants: tenants)
            }
        case (nil, let name?): kind = .tenant(try RequestFields.name(name, "tenant"))
        default:
            throw .badBody(
                "Say who holds the key: `tenant` for one tenant's own, `platform` with the tenants "
                    + "that it emits for (or [\"all\"]), or `principal` for one that has a key."
            )
        }
        return (Principal(id: state.nextPrincipal, kind: kind, label: label), true)
    }

    private func revoke(_ call: APICall) throws(Problem) -> APIAnswer {
        try call.query.allow(["reason", "dryRun"])
        let id = try Self.id(call)
        let reason = try call.query.one("reason")
        let entries = try context.book.decide(
            [.keyRevoked(KeyRevocation(id: id, reason: reason))],
            call.caller,
            isDryRun: try call.query.flag("dryRun")
        )
        return .json([
            "id": .string(id.description),
            "revoked": .optional(entries.last.map { RFC3339.text($0.time) }),
        ])
    }

    /// What the holder puts into a file. Emitters know wire keys by ``WireKey``'s text.
    private static func shown(_ text: KeyText) throws(Problem) -> String {
        switch text.kind {
        case .http: return text.text
        case .wire:
            guard let key = WireKey(id: text.id, secret: text.secret.bytes) else {
                throw .internalError
            }
            return key.text
        }
    }

    private static func json(
        _ standing: KeyStanding,
        _ principal: Principal?,
        _ now: Timestamp
    ) -> JSONOutput {
        [
            "id": .string(standing.key.id.description),
            "kind": .string(standing.key.kind.rawValue),
            "state": .string(standing.refusal(at: now)?.rawValue ?? "valid"),
            "scopes": .array(standing.key.scopes.names.map { .string($0) }),
            "label": .string(standing.key.label),
            "principal": principal.map(json) ?? .null,
            "created": .string(RFC3339.text(standing.created)),
            "expires": .optional(standing.key.expires.map(RFC3339.text)),
            "revoked": .optional(standing.revoked.map(RFC3339.text)),
            "replacedBy": .optional(standing.replacement?.by),
            "ends": .optional(standing.end.map(RFC3339.text)),
        ]
    }

    private static func json(_ principal: Principal) -> JSONOutput {
        let reach: JSONMember =
            switch principal.kind {
            case .platformForAll: JSONMember("platform", ["all"])
            case .platform(let tenants):
                JSONMember("platform", .array(tenants.sorted().map { .string($0.description) }))
            case .tenant(let tenant): JSONMember("tenant", .string(tenant.description))
            }
        return .object([
            JSONMember("id", .decimal(principal.id.rawValue)),
            JSONMember("label", .string(principal.label)), reach,
        ])
    }
}
