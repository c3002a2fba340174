internal import ArgumentParser
internal import NIOCore

/// Names that the server knows: for completing what somebody types, and for guessing what they meant.
///
/// Both are a courtesy: whatever goes wrong, there are no names.
enum KnownNames {
    enum Kind: String { case tenants, agents, components }

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
    /// Says what may have been meant, where a name that somebody typed is not known.
    func hint(_ kind: KnownNames.Kind, _ name: String, tenant: String? = nil) async {
        let query =
            [("kind", kind.rawValue), ("near", name)] + (tenant.map { [("tenant", $0)] } ?? [])
        guard let address = try? address(),
            let answer = try? await ServerClient(address: address, timeout: KnownNames.patience)
                .call(.get, "/admin/v1/names", query: query),
            let near = answer.json.list("names").first?.cell
        else { return }
        let what = kind.rawValue.dropLast()
        Terminal.talk(
            "there is no usage of \(what) \(TextWidth.printable(name)); "
                + "did you mean \(TextWidth.printable(near))?"
        )
    }
}
