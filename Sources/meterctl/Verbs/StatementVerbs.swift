internal import ArgumentParser
internal import MeterWaldur

struct StatementVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "statement",
        abstract: "Signed reports of closed months.",
        subcommands: [StatementShow.self, Render.self, Keys.self]
    )

    struct Render: Verb {
        static let configuration = CommandConfiguration(
            abstract: "One tenant's statement as it was signed.",
            discussion: """
                The same bytes each time. Check them anywhere, with what `statement keys export` gave:

                  meterctl statement render acme --period 2026-11 > acme-2026-11.json
                  meterctl statement render acme --period 2026-11 --format csv \\
                      > acme-2026-11.csv
                  meterctl verify --public-key meter.pub acme-2026-11.json
                """
        )
        @Argument(help: "The tenant.", completion: KnownNames.completion(.tenants))
        var tenant: String
        @Option(help: "The month, such as 2026-11.")
        var period: String
        @Option(help: "Which revision; the newest otherwise.")
        var revision: UInt32?
        @Option(help: "json or csv.")
        var format = "json"
        @OptionGroup var waldur: WaldurOption
        @OptionGroup var server: ServerOptions

        func perform() async throws(CommandFailure) {
            let bytes: [UInt8]
            do throws(CommandFailure) {
                bytes = try await server.document(
                    "/admin/v1/statements/\(ServerClient.encode(period))/"
                        + ServerClient.encode(tenant),
                    query: [("format", format)] + (revision.map { [("revision", "\($0)")] } ?? [])
                        + waldur.query
                )
            } catch {
                throw await server.guessing(error, [.tenant(tenant)])
            }
            Terminal.data(String(decoding: bytes, as: UTF8.self))
        }
    }

    struct Keys: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "What statements are signed with.",
            subcommands: [Export.self, Rotate.self]
        )

        struct Export: Verb {
            static let configuration = CommandConfiguration(
                abstract: "The public keys, a line each, the newest first.",
                discussion: """
                    Hand the file to whoever has to check statements, by a way that they trust.

                      meterctl statement keys export > meter.pub
                    """
            )
            @OptionGroup var server: ServerOptions

            func perform() async throws(CommandFailure) {
                let answer = try await server.call(.get, "/admin/v1/statement-keys")
                for key in answer.json.list("keys") { Terminal.line(key.cell("publicKey")) }
            }
        }

        struct Rotate: Verb {
            static let configuration = CommandConfiguration(
                abstract: "Draws another key for statements to come.",
                discussion: """
                    Statements so far stay good: the keys before it are exported, too.

                      meterctl statement keys rotate --label 2027
                    """
            )
            @Option(help: "A label for people.")
            var label: String?
            @OptionGroup var dryRun: DryRunOption
            @OptionGroup var confirmation: ConfirmationOptions
            @OptionGroup var server: ServerOptions
            @OptionGroup var output: OutputOptions

            static let columns: [Column] = [
                .text("public key"), .text("signs"), .text("label"),
            ]

            func perform() async throws(CommandFailure) {
                try dryRun.confirm(
                    confirmation,
                    "Statements to come will be signed with another key; the present one is gone."
                )
                let answer = try await server.call(
                    .post,
                    "/admin/v1/statement-keys/rotate",
                    body: RequestBody.object([("label", RequestBody.string(label)), dryRun.member])
                )
                output.show(answer, "keys", Self.columns, nothing: "no key")
                dryRun.remark()
            }
        }
    }
}
