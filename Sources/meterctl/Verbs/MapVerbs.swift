internal import ArgumentParser
internal import MeterWaldur

struct MapVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "map",
        abstract: "Which agent's usage is told for which Waldur resource.",
        subcommands: [Set.self, List.self, Check.self, Adopt.self, Release.self]
    )

    struct Set: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Binds an agent of a tenant, as one project ordered it, to a resource.",
            discussion: """
                Without --live the binding is `shadow`: metered and compared, nothing is told.

                  meterctl map set --tenant acme --agent support-bot --resource 9f3c...
                  meterctl map set --tenant acme --agent support-bot --access 51aa... \\
                      --resource 9f3c... --from 2026-11-01T00:00:00Z --live

                --live is refused where Waldur already shows usage for the resource's plan period: such \
                a figure would be overwritten.
                """
        )
        @Option(help: "The tenant: the Waldur customer's uuid, or what the platform calls it.")
        var tenant: String
        @Option(help: "What the emitter calls the agent.")
        var agent: String
        @Option(help: "The Waldur resource's uuid.")
        var resource: String
        @Option(
            help: "The access's uuid, where the platform has given it one; otherwise it is made."
        )
        var access: String?
        @Option(help: "Which Waldur, where there are several.")
        var waldur: String?
        @Option(help: "The first minute that counts: RFC 3339; otherwise this minute.")
        var from: String?
        @Option(help: "The minute after the last; otherwise open.")
        var to: String?
        @Option(name: .customLong("class"), help: "shadow, free, trial or internal.")
        var bindingClass: String?
        @Flag(help: "Tell Waldur from now on.")
        var live = false
        @Option(help: "What people call it: project, order.")
        var label: String?
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        func validate() throws {
            guard !live || bindingClass == nil else {
                throw ValidationError("--live and --class exclude each other.")
            }
        }

        func perform() async throws(CommandFailure) {
            let answer = try await ServerClient(address: try server.address())
                .call(
                    .post,
                    "/admin/v1/map",
                    body: RequestBody.object([
                        ("tenant", RequestBody.string(tenant)),
                        ("agent", RequestBody.string(agent)),
                        ("access", RequestBody.string(access)),
                        ("resource", RequestBody.string(resource)),
                        ("waldur", RequestBody.string(waldur)),
                        ("from", RequestBody.string(from)), ("to", RequestBody.string(to)),
                        ("class", RequestBody.string(live ? "live" : bindingClass)),
                        ("label", RequestBody.string(label)),
                    ])
                )
            answer.show(output.output, nothing: "") { MapVerbs.table([$0]) }
        }
    }

    struct List: Verb {
        static let configuration = CommandConfiguration(abstract: "Every binding.")
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        func perform() async throws(CommandFailure) {
            let answer = try await ServerClient(address: try server.address())
                .call(.get, "/admin/v1/map")
            answer.show(output.output, nothing: "no bindings yet; make one: meterctl map set") {
                MapVerbs.table($0.list("bindings") + $0.list("unbound"))
            }
        }
    }

    struct Check: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Compares bindings and components with Waldur's offerings.",
            discussion: "Exits 2 where usage would not be billed as things are."
        )
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        func perform() async throws(CommandFailure) {
            let answer = try await ServerClient(address: try server.address())
                .call(.get, "/admin/v1/map/check")
            answer.show(output.output, nothing: "nothing is wrong") { json in
                var table = Table("severity", "what", "detail")
                for finding in json.list("findings") {
                    table.add(
                        finding.cell("severity"),
                        finding.cell("subject"),
                        finding.cell("detail")
                    )
                }
                return table
            }
            let errors = answer.json.list("findings").count { $0.cell("severity") == "error" }
            guard errors == 0 else {
                throw CommandFailure(
                    .differences,
                    "\(errors) bindings would not be billed as they are"
                )
            }
        }
    }

    static func table(_ bindings: [JSONValue]) -> Table {
        var table = Table(
            "access",
            "tenant",
            "agent",
            "waldur",
            "resource",
            "from",
            "to",
            "class"
        )
        for binding in bindings {
            table.add(
                binding.cell("access"),
                binding.cell("tenant"),
                binding.cell("agent"),
                binding.cell("waldur"),
                binding.cell("resource"),
                binding.cell("from"),
                binding.cell("to"),
                binding["class"]?.cell ?? "not bound"
            )
        }
        return table
    }
}
