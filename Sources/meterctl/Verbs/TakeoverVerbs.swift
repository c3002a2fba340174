internal import ArgumentParser
internal import MeterWaldur

extension MapVerbs {
    struct Adopt: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Takes resources over from another reporter.",
            discussion: """
                What Waldur shows becomes the opening balance, the shadow binding ends at the instant and \
                goes on live. Refused where a figure was written after the instant; it says when, and with \
                which description. Exits 4 where any resource was not adopted.

                  meterctl map adopt 9f3c... --from 2026-11-20T12:00:00Z --dry-run
                  meterctl map adopt --all --from 2026-11-20T12:00:00Z
                """
        )
        @Argument(
            help: "The Waldur resource's uuid.",
            completion: KnownNames.completion(.resources)
        )
        var resource: String?
        @Flag(help: "Every resource with an open shadow binding.")
        var all = false
        @Option(help: "The first minute that Meter counts: when the other reporter was stopped.")
        var from: String
        @OptionGroup var dryRun: DryRunOption
        @OptionGroup var waldur: WaldurOption
        @OptionGroup var server: ServerOptions

        func perform() async throws(CommandFailure) {
            guard all == (resource == nil) else {
                throw CommandFailure(.usage, "name a resource, or say --all")
            }
            var resources = resource.map { [$0] } ?? []
            if all {
                let bindings = try await server.call(.get, "/admin/v1/map").json.list("bindings")
                let shadows = bindings.filter {
                    $0.cell("class") == "shadow" && $0["to"]?.string == nil
                        && (waldur.waldur ?? $0.cell("waldur")) == $0.cell("waldur")
                }
                resources = Swift.Set(shadows.map { $0.cell("resource") }).sorted()
            }
            var refused: CommandFailure?
            for resource in resources {
                do throws(CommandFailure) {
                    _ = try await server.call(
                        .post,
                        "/admin/v1/map/adopt",
                        query: waldur.query,
                        body: RequestBody.object([
                            ("resource", RequestBody.string(resource)),
                            ("from", RequestBody.string(from)), dryRun.member,
                        ]),
                        naming: [.resource(resource)]
                    )
                    Terminal.talk(
                        dryRun.said("adopted ", instead: "would be adopted: ")
                            + "\(resource) from \(from)"
                    )
                } catch {
                    Terminal.talk("not adopted: \(resource)")
                    if resources.count == 1 { throw error }
                    Terminal.talk("\(error)")
                    refused = error
                }
            }
            dryRun.remark()
            if let refused { throw refused }
        }
    }

    struct Release: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Tells everything of a resource, and leaves it to another reporter.",
            discussion: """
                Its live bindings go on as shadow from the next minute; what Meter told stands.

                  meterctl map release 9f3c... --reason "back to the site agent"
                """
        )
        @Argument(
            help: "The Waldur resource's uuid.",
            completion: KnownNames.completion(.resources)
        )
        var resource: String
        @Option(help: "Why; it stands in the book for ever.")
        var reason: String
        @OptionGroup var dryRun: DryRunOption
        @OptionGroup var waldur: WaldurOption
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        func perform() async throws(CommandFailure) {
            let answer = try await server.call(
                .post,
                "/admin/v1/map/release",
                query: waldur.query,
                body: RequestBody.object([
                    ("resource", RequestBody.string(resource)),
                    ("reason", RequestBody.string(reason)), dryRun.member,
                ]),
                naming: [.resource(resource)]
            )
            output.done(
                answer,
                dryRun.said("released ", instead: "would be released: ") + resource
            )
            dryRun.remark()
        }
    }
}
