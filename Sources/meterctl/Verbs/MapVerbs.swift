internal import ArgumentParser
internal import MeterWaldur

struct MapVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "map",
        abstract: "Which agent's usage is told for which Waldur resource.",
        subcommands: [
            Set.self, Sync.self, List.self, Followed.self, Check.self, Adopt.self, Release.self,
        ]
    )

    struct Set: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Binds an agent of a tenant, as one project ordered it, to a resource.",
            discussion: """
                Without --live the binding is `shadow`: metered and compared, nothing is told.

                  meterctl map set --tenant acme --agent support-bot \\
                      --resource 9f3c27d1a0b94e6f8d5c1b2a3f4e5d6c
                  meterctl map set --tenant acme --agent support-bot --live \\
                      --access 51aa02b7c3d84e9f9a6b7c8d9e0f1a2b \\
                      --resource 9f3c27d1a0b94e6f8d5c1b2a3f4e5d6c \\
                      --from 2026-11-01T00:00:00Z

                --live is refused where Waldur already shows usage for the resource's plan period: such \
                a figure would be overwritten.
                """
        )
        @Option(
            help: "The tenant: the Waldur customer's uuid, or what the platform calls it.",
            completion: KnownNames.completion(.tenants)
        )
        var tenant: String
        @Option(
            help: "What the emitter calls the agent.",
            completion: KnownNames.completion(.agents)
        )
        var agent: String
        @Option(
            help: ArgumentHelp("The Waldur resource's uuid.", valueName: "uuid"),
            completion: KnownNames.completion(.resources)
        )
        var resource: String
        @Option(
            help: ArgumentHelp(
                "The access's uuid, where the platform has given it one; otherwise it is made.",
                valueName: "uuid"
            )
        )
        var access: String?
        @OptionGroup var waldur: WaldurOption
        @Option(
            help: ArgumentHelp(
                "The first minute that counts: RFC 3339; otherwise this minute.",
                valueName: "time"
            )
        )
        var from: String?
        @Option(help: ArgumentHelp("The minute after the last; otherwise open.", valueName: "time"))
        var to: String?
        @Option(name: .customLong("class"), help: "shadow, free, trial or internal.")
        var bindingClass: String?
        @Flag(help: "Tell Waldur from now on.")
        var live = false
        @Option(help: "What people call it: project, order.")
        var label: String?
        @OptionGroup var dryRun: DryRunOption
        @OptionGroup var confirmation: ConfirmationOptions
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        func validate() throws {
            guard !live || bindingClass == nil else {
                throw ValidationError("--live and --class exclude each other.")
            }
        }

        func perform() async throws(CommandFailure) {
            await server.hint([.tenant(tenant), .agent(agent, of: tenant)])
            if live {
                try dryRun.confirm(
                    confirmation,
                    "Waldur will be told what agent \(agent) of tenant \(tenant) uses, and bill it "
                        + "on resource \(resource)."
                )
            }
            let answer = try await server.call(
                .post,
                "/admin/v1/map",
                body: RequestBody.object([
                    ("tenant", RequestBody.string(tenant)),
                    ("agent", RequestBody.string(agent)),
                    ("access", RequestBody.string(access)),
                    ("resource", RequestBody.string(resource)),
                    ("waldur", RequestBody.string(waldur.waldur)),
                    ("from", RequestBody.string(from)), ("to", RequestBody.string(to)),
                    ("class", RequestBody.string(live ? "live" : bindingClass)),
                    ("label", RequestBody.string(label)), dryRun.member,
                ]),
                naming: [.resource(resource)]
            )
            output.show(answer, MapVerbs.columns)
            dryRun.remark()
        }
    }

    struct List: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Every binding, and every access without one.",
            discussion: """
                  meterctl map list
                  meterctl map list -o csv > map.csv
                """
        )
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        func perform() async throws(CommandFailure) {
            let answer = try await server.call(.get, "/admin/v1/map")
            output.show(
                Table(
                    "bindings",
                    MapVerbs.columns,
                    of: answer.json.list("bindings") + answer.json.list("unbound")
                ),
                document: answer.text,
                nothing: "no bindings yet; make one: meterctl map set"
            )
        }
    }

    struct Check: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Compares bindings and components with Waldur's offerings.",
            discussion: """
                Exits 2 where usage would not be billed as things are.

                  meterctl map check && meterctl report preview
                """
        )
        @OptionGroup var waldur: WaldurOption
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        static let columns: [Column] = [
            .state("severity"), .text("what", "subject"), .prose("detail"),
        ]

        func perform() async throws(CommandFailure) {
            let answer = try await server.call(
                .get,
                "/admin/v1/map/check",
                query: waldur.query
            )
            output.show(answer, "findings", Self.columns, nothing: "nothing is wrong")
            let errors = answer.json.list("findings").count { $0.cell("severity") == "error" }
            guard errors == 0 else {
                throw CommandFailure(
                    .differences,
                    "\(errors) \(errors == 1 ? "thing keeps" : "things keep") usage from being "
                        + "billed as it is"
                )
            }
        }
    }

    static let columns: [Column] = [
        .text("access"), .text("tenant"), .text("agent"), .text("waldur"), .text("resource"),
        .text("from"), .text("to"),
        .state("class") { $0["class"]?.cell ?? "unbound" },
    ]
}
