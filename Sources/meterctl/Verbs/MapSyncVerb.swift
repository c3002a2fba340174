internal import ArgumentParser
internal import MeterWaldur

extension MapVerbs {
    struct Sync: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Binds every resource of an offering to the agent that it names.",
            discussion: """
                Makes an access and a binding for each resource that has none: the tenant is the \
                resource's customer, the agent what --agent-from names. Without --live the bindings are \
                `shadow`. What is not clear (the same agent twice, nothing there, a resource that moved) is \
                listed and left alone.

                  meterctl map sync --offering 72925fae9a244fb88ffd23c31b572006 \\
                      --agent-from attributes.agent_slug --dry-run
                  meterctl map sync --offering 72925fae9a244fb88ffd23c31b572006 \\
                      --agent-from backend_id --live --follow

                With --follow the reporter binds new resources by itself from then on, in the same way; \
                with --no-follow no longer. Exits 2 where a person has to decide something.
                """
        )
        @Option(help: ArgumentHelp("The offering's uuid.", valueName: "uuid"))
        var offering: String
        @Option(
            help: ArgumentHelp(
                "What of a resource names its agent: backend_id, name or attributes.KEY.",
                valueName: "member"
            )
        )
        var agentFrom: String
        @Option(name: .customLong("class"), help: "shadow, free, trial or internal.")
        var bindingClass: String?
        @Flag(help: "Tell Waldur from now on.")
        var live = false
        @Option(
            help: ArgumentHelp(
                "The first minute that counts; otherwise when each was ordered, in this month.",
                valueName: "time"
            )
        )
        var from: String?
        @Flag(inversion: .prefixedNo, help: "Bind new resources by themselves, or no longer.")
        var follow: Bool?
        @OptionGroup var dryRun: DryRunOption
        @OptionGroup var waldur: WaldurOption
        @OptionGroup var confirmation: ConfirmationOptions
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        static let columns: [Column] = [
            .text("resource"), .text("name"), .text("customer"), .text("project"), .text("agent"),
            .text("from"), .text("class"), .state("state"), .prose("detail"),
            .text("tenant").forProgramsOnly, .text("access").forProgramsOnly,
        ]

        func validate() throws {
            guard !live || bindingClass == nil else {
                throw ValidationError("--live and --class exclude each other.")
            }
        }

        func perform() async throws(CommandFailure) {
            if live {
                try dryRun.confirm(
                    confirmation,
                    "Waldur will be told, and bill, what the agents of offering \(offering) use."
                )
            }
            let answer = try await server.call(
                .post,
                "/admin/v1/map/sync",
                query: waldur.query,
                body: RequestBody.object([
                    ("offering", RequestBody.string(offering)),
                    ("agentFrom", RequestBody.string(agentFrom)),
                    ("class", RequestBody.string(live ? "live" : bindingClass)),
                    ("from", RequestBody.string(from)),
                    ("follow", follow.map { $0 ? "true" : "false" }),
                    dryRun.member,
                ])
            )
            output.show(
                answer,
                "resources",
                Self.columns,
                nothing: "the account sees no resource of that offering"
            )
            dryRun.remark()
            let conflicts = answer.json.list("resources").count { $0.isTrue("isConflict") }
            guard conflicts == 0 else {
                throw CommandFailure(
                    .differences,
                    "\(conflicts) \(conflicts == 1 ? "resource needs" : "resources need") a person"
                )
            }
        }
    }

    struct Followed: Verb {
        static let configuration = CommandConfiguration(
            abstract: "The offerings whose new resources are bound by themselves.",
            discussion: """
                  meterctl map followed
                """
        )
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        static let columns: [Column] = [
            .text("waldur"), .text("offering"), .text("agent from"), .state("class"),
        ]

        func perform() async throws(CommandFailure) {
            let answer = try await server.call(.get, "/admin/v1/map/followed")
            output.show(
                answer,
                "offerings",
                Self.columns,
                nothing: "no offering is followed; follow one: meterctl map sync --follow"
            )
        }
    }
}
