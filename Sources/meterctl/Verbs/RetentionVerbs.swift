internal import ArgumentParser
internal import MeterWaldur

struct RetentionVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retention",
        abstract: "How long what is kept, and what goes next.",
        subcommands: [Show.self, Apply.self],
        defaultSubcommand: Show.self
    )

    struct Show: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Each kind of file: its rule, how far it reaches back, and how it grows.",
            discussion: """
                Journal files are what recount reads. They are kept until every billing period that \
                they concern is closed, and 35 days longer, within retention.journal-size; \
                where the limit is stronger, the server raises journal-short. Sums, carries and the book \
                never expire.

                  meterctl retention show
                  meterctl retention show -o json
                """
        )
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        static let columns: [Column] = [
            .text("kind"), .text("kept for", "rule"), .text("kept since", "since"),
            .text("may go before", "releasedBefore"), .number("files"), .number("bytes"),
            .number("limit", "limitBytes"),
        ]

        func perform() async throws(CommandFailure) {
            let answer = try await server.call(.get, "/admin/v1/retention")
            output.show(answer, "kinds", Self.columns, nothing: "nothing is kept")
            let json = answer.json
            let growth = json.cell("growthBytesPerDay")
            if let bytes = UInt64(growth) {
                Terminal.talk("the journal grows by \(Readable.bytes(bytes)) a day")
            }
            if let days = Int(json.cell("daysUntilLimit")) {
                Terminal.talk("its limit is reached in \(days) days")
            }
            let count = json.list("items").count
            if count > 0 {
                Terminal.talk(
                    "\(count) \(count == 1 ? "file is" : "files are") to go or to be written anew; "
                        + "see which: meterctl retention apply --dry-run")
            }
        }
    }

    struct Apply: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Lets go now of what the server would let go of within ten minutes.",
            discussion: """
                Segments and details are written anew without what is past their retention; journal files \
                and statements go as a whole.

                  meterctl retention apply --dry-run
                  meterctl retention apply
                """
        )
        @OptionGroup var dryRun: DryRunOption
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        static let columns: [Column] = [
            .text("kind"), .text("file", "name"), .number("bytes"), .state("reason"),
            .text("through"),
        ]

        func perform() async throws(CommandFailure) {
            let answer = try await server.call(
                .post,
                "/admin/v1/retention/apply",
                body: RequestBody.object([dryRun.member])
            )
            output.show(answer, "items", Self.columns, nothing: "nothing is to go")
            dryRun.remark()
        }
    }
}
