internal import ArgumentParser
internal import NIOCore

/// Names that the server knows: for completing what somebody types, and for guessing what they meant.
///
/// Both are a courtesy: whatever goes wrong, there are no names.
enum KnownNames {
    enum Kind: String { case tenants, agents, components, keys, sources, resources }

    /// A name that somebody typed.
    struct Typed {
        let kind: Kind
        let name: String
        /// Whose agent it is.
        var tenant: String?

        static func tenant(_ name: String) -> Typed { Typed(kind: .tenants, name: name) }
        static func component(_ name: String) -> Typed { Typed(kind: .components, name: name) }
        static func key(_ id: String) -> Typed { Typed(kind: .keys, name: id) }
        static func source(_ id: String) -> Typed { Typed(kind: .sources, name: id) }
        static func resource(_ id: String) -> Typed { Typed(kind: .resources, name: id) }

        static func agent(_ name: String, of tenant: String) -> Typed {
            Typed(kind: .agents, name: name, tenant: tenant)
        }
    }

    /// For the shell, which waits while this runs.
    static let patience = TimeAmount.seconds(1)

    static func completion(_ kind: Kind) -> CompletionKind {
        .custom { words, _, prefix async -> [String] in
            await begin(kind, words: words, prefix: prefix)
        }
    }

    /// Keys that are valid, by their ids.
    static var keyCompletion: CompletionKind {
        .custom { words, _, prefix async -> [String] in
            guard let client = client(words),
                let answer = try? await client.call(.get, "/admin/v1/keys")
            else { return [] }
            return answer.json.list("keys").filter { $0.cell("state") == "valid" }
                .map { $0.cell("id") }.filter { $0.hasPrefix(prefix) }
        }
    }

    private static func begin(_ kind: Kind, words: [String], prefix: String) async -> [String] {
        var query = [("kind", kind.rawValue), ("prefix", prefix)]
        if kind == .agents {
            guard let tenant = value(of: "--tenant", in: words) else { return [] }
            query.append(("tenant", tenant))
        }
        guard let client = client(words),
            let answer = try? await client.call(.get, "/admin/v1/names", query: query)
        else { return [] }
        return answer.json.list("names").map(\.cell)
    }

    /// Of the command line that is being typed: it need not be whole.
    private static func client(_ words: [String]) -> ServerClient? {
        let options = ["--data", "--socket", "--url", "--key-file"]
        let given = options.flatMap { option in
            value(of: option, in: words).map { [option, $0] } ?? []
        }
        guard let address = try? ServerOptions.parse(given).address() else { return nil }
        return ServerClient(address: address, timeout: patience)
    }

    private static func value(of option: String, in words: [String]) -> String? {
        for (index, word) in words.enumerated() {
            if word == option, index + 1 < words.count { return words[index + 1] }
            if word.hasPrefix(option + "=") { return String(word.dropFirst(option.count + 1)) }
        }
        return nil
    }
}

extension ServerOptions {
    /// Sends a request as ``call(_:_:query:body:)`` does; where it is refused, the failure says which of the
    /// names in it is not known and what may have been meant.
    func call(
        _ method: ServerClient.Method,
        _ path: String,
        query: [(String, String)] = [],
        body: String? = nil,
        naming typed: [KnownNames.Typed]
    ) async throws(CommandFailure) -> Answer {
        do throws(CommandFailure) {
            return try await call(method, path, query: query, body: body)
        } catch {
            throw await guessing(error, typed)
        }
    }

    /// The failure with a guess at what was meant, where there is one to make.
    func guessing(
        _ failure: CommandFailure,
        _ typed: [KnownNames.Typed]
    ) async -> CommandFailure {
        guard [.failed, .precondition].contains(failure.status),
            let guess = await guesses(typed).first
        else { return failure }
        return CommandFailure(
            failure.status,
            failure.message,
            detail: failure.detail,
            next: guess
        )
    }

    /// Says what may have been meant by names that are not known: where nothing was found, and before
    /// something is made for them.
    func hint(_ typed: [KnownNames.Typed]) async {
        for guess in await guesses(typed) { Terminal.talk(guess) }
    }

    private func guesses(_ typed: [KnownNames.Typed]) async -> [String] {
        guard let address = try? address() else { return [] }
        let client = ServerClient(address: address, timeout: KnownNames.patience)
        var guesses: [String] = []
        for one in typed {
            let query =
                [("kind", one.kind.rawValue), ("near", one.name)]
                + (one.tenant.map { [("tenant", $0)] } ?? [])
            guard let answer = try? await client.call(.get, "/admin/v1/names", query: query),
                let near = answer.json.list("names").first?.cell
            else { continue }
            guesses.append(
                "there is no \(one.kind.rawValue.dropLast()) \(TextWidth.printable(one.name)) yet; "
                    + "did you mean \(TextWidth.printable(near))?"
            )
        }
        return guesses
    }
}
