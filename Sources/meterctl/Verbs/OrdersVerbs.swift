internal import ArgumentParser
internal import MeterWaldur

struct OrdersVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "orders",
        abstract: "Switches and terminations that wait for the provider.",
        subcommands: [List.self, Approve.self],
        defaultSubcommand: List.self
    )

    struct List: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Orders on bound resources, and when everything of theirs was told.",
            discussion: """
                  meterctl orders list
                """
        )
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        func perform() async throws(CommandFailure) {
            let answer = try await server.call(.get, "/admin/v1/orders")
            output.show(
                answer,
                "orders",
                [
                    .text("order"), .text("type"), .state("state"),
                    .text("resource").forWideScreens,
                    .text("first seen"), .text("flushed at"),
                ],
                nothing: "no orders were seen"
            )
        }
    }

    struct Approve: Verb {
        static let configuration = CommandConfiguration(
            abstract:
                "Tells everything of the resource, reads it back, and then approves the order.",
            discussion: """
                What is used after the approval of a termination cannot be told any more, so stop the agent \
                first. Exits 4 where not everything could be told; nothing is approved then.

                  meterctl orders approve 9f3c27d1a0b94e6f8d5c1b2a3f4e5d6c --dry-run
                  meterctl orders approve 9f3c27d1a0b94e6f8d5c1b2a3f4e5d6c
                """
        )
        @Argument(help: "The order's uuid.")
        var order: String
        @OptionGroup var dryRun: DryRunOption
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        func perform() async throws(CommandFailure) {
            if dryRun.dryRun { return try await preview() }
            let answer = try await server.call(.post, "/admin/v1/orders/\(order)/approve")
            output.done(answer, "approved \(order)")
        }

        private func preview() async throws(CommandFailure) {
            let orders = try await server.call(.get, "/admin/v1/orders")
            guard
                let found = orders.json.list("orders").first(where: { $0.cell("order") == order })
            else {
                throw CommandFailure(
                    .precondition,
                    "order \(order) was not seen",
                    next: "meterctl orders list"
                )
            }
            let plan = try await server.call(
                .get,
                "/admin/v1/report/preview",
                query: [("waldur", found.cell("waldur"))]
            )
            let rows = plan.json.list("rows").filter {
                $0.cell("resource") == found.cell("resource")
            }
            output.show(
                Table("rows", ReportVerbs.columns, of: rows),
                nothing: "nothing of resource \(found.cell("resource")) is to be told"
            )
            dryRun.remark()
        }
    }
}
