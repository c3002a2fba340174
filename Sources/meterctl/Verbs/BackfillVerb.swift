internal import ArgumentParser
internal import MeterWaldur

extension AdjustVerbs {
    struct Backfill: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Counts the events of a file that came by no emitter.",
            discussion: """
                CSV with the columns time, tenant, agent, component, amount and, if you like, access, model, \
                user, outcome, duration_ms, each row a call; or CloudEvents, as a JSON array or one \
                a line (.json, .jsonl, .ndjson). Every line is \
                counted, or none. The same file counts once for ever. Shows first whether its usage lands or \
                becomes a carry, and agent by agent what was metered in the same minutes already: there \
                it may be the same calls. `adjust revert` takes all of it back.

                  meterctl adjust backfill lost.csv --reason "host 7, ticket 311" --dry-run
                """
        )
        @Argument(help: "The file.")
        var file: String
        @Option(help: "csv or cloudevents; otherwise by the file's name.")
        var format: String?
        @OptionGroup var applying: AdjustmentOptions
        @OptionGroup var confirmation: ConfirmationOptions
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        func perform() async throws(CommandFailure) {
            guard let text = String(validating: try LocalFile.bytes(file), as: UTF8.self) else {
                throw CommandFailure(.failed, "\(file) is not UTF-8")
            }
            let isJSON = [".json", ".jsonl", ".ndjson"].contains { file.hasSuffix($0) }
            let known = isJSON ? "cloudevents" : "csv"
            let name = file.split(separator: "/").last.map { String($0) } ?? file
            let request = AdjustmentRequest(
                path: "/admin/v1/backfills",
                query: [("format", format ?? known)],
                body: text
            ) { digest in
                ([("digest", digest), ("reason", applying.reason), ("name", name)], text)
            }
            try await applying.perform(request, confirmation, server, output)
        }
    }
}
