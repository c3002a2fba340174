internal import ArgumentParser
internal import MeterWaldur

extension AdjustVerbs {
    struct VoidEvents: Verb {
        static let configuration = CommandConfiguration(
            commandName: "void",
            abstract: "Takes events back that should not have been counted.",
            discussion: """
                By numbers of a source, by the id of an event that came over HTTP, or by agent and time. \
                The events are looked up in the journal that is kept; where it is gone the verb refuses, \
                and says from when on it is kept. What comes later is not voided, and no event is voided \
                twice.

                  meterctl adjust void --source 4f1c27d1a0b94e6f8d5c1b2a3f4e5d6c \\
                      --first-sequence 100 --last-sequence 199 \\
                      --reason "sent in a loop, ticket 311" --dry-run
                  meterctl adjust void --principal 3 --event-source runtime-7 \\
                      --event-id 5b1f0c --reason "ticket 312"
                  meterctl adjust void --tenant acme --agent researcher \\
                      --from 2026-11-03T10:00:00Z --to 2026-11-03T11:00:00Z \\
                      --reason "a test run"
                """
        )
        @Option(help: "Events of this source.")
        var source: String?
        @Option(help: "The first of its numbers; 0 otherwise.")
        var firstSequence: UInt64?
        @Option(help: "The last of its numbers; all that came otherwise.")
        var lastSequence: UInt64?
        @Option(name: .customLong("event-id"), help: "The event with this id.")
        var eventID: String?
        @Option(help: "The `source` of that CloudEvent.")
        var eventSource: String?
        @Option(help: "The principal that sent it, or whose source it is.")
        var principal: UInt64?
        @Option(help: "Events of this tenant's agent.")
        var tenant: String?
        @Option(help: "The agent.")
        var agent: String?
        @Option(help: "From this minute on.")
        var from: String?
        @Option(help: "Until before this minute.")
        var to: String?
        @OptionGroup var applying: AdjustmentOptions
        @OptionGroup var confirmation: ConfirmationOptions
        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        func perform() async throws(CommandFailure) {
            try await applying.perform(
                applying.request([
                    ("kind", RequestBody.string("void")), ("source", RequestBody.string(source)),
                    ("firstSequence", firstSequence.map { "\($0)" }),
                    ("lastSequence", lastSequence.map { "\($0)" }),
                    ("eventID", RequestBody.string(eventID)),
                    ("eventSource", RequestBody.string(eventSource)),
                    ("principal", principal.map { "\($0)" }),
                    ("tenant", RequestBody.string(tenant)), ("agent", RequestBody.string(agent)),
                    ("from", RequestBody.string(from)), ("to", RequestBody.string(to)),
                ]),
                confirmation,
                server,
                output
            )
        }
    }
}
