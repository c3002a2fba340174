// swift-format-ignore-file
/// `Documentation/openapi.yaml`, as the server hands it out; a test holds both together.
enum OpenAPIDocument {
    static let text = #"""
        openapi: 3.1.0
        info:
          title: Meter
          version: 0.1.0
          summary: Usage of AI agents, counted exactly once, and what of it is billed.
          description: |
            First form: what exists today. `Documentation/UsageAPI.md` explains it with examples.

            Amounts, counts of events and journal positions are decimal strings: they may be larger than
            JSON numbers can be trusted with. Times are RFC 3339. Periods are half-open, `[from, to)`.
            Errors are problem documents (RFC 9457).
        servers:
          - url: http://127.0.0.1:7480
            description: TCP; keys in the Authorization header.
          - url: http+unix://%2Fvar%2Flib%2Fmeter%2Fadmin.sock
            description: The administration socket; whoever may open it administers.
        security:
          - key: []
        tags:
          - name: ingest
          - name: usage
          - name: administration
          - name: health
        paths:
          /api/v1/events:
            post:
              tags: [ingest]
              operationId: ingestEvents
              summary: Counts events, each exactly once.
              description: |
                One CloudEvent 1.0 in structured mode, or an array of them. Answered after everything that is
                counted is on the disk. Scope `ingest`.
              requestBody:
                required: true
                content:
                  application/cloudevents+json:
                    schema: { $ref: '#/components/schemas/CloudEvent' }
                  application/cloudevents-batch+json:
                    schema: { $ref: '#/components/schemas/CloudEvents' }
                  application/json:
                    schema:
                      oneOf:
                        - { $ref: '#/components/schemas/CloudEvent' }
                        - { $ref: '#/components/schemas/CloudEvents' }
              responses:
                '200':
                  description: Every event is counted, now or before.
                  content: { application/json: { schema: { $ref: '#/components/schemas/EventResults' } } }
                '207':
                  description: Some events of the batch are refused or in conflict.
                  content: { application/json: { schema: { $ref: '#/components/schemas/EventResults' } } }
                '409':
                  description: The single event's id was used for another event.
                  content: { application/problem+json: { schema: { $ref: '#/components/schemas/EventProblem' } } }
                '422':
                  description: The single event is refused; `type` ends with the reason.
                  content: { application/problem+json: { schema: { $ref: '#/components/schemas/EventProblem' } } }
                '400': { $ref: '#/components/responses/Problem' }
                '401': { $ref: '#/components/responses/Problem' }
                '403': { $ref: '#/components/responses/Problem' }
                '408': { $ref: '#/components/responses/Problem' }
                '413': { $ref: '#/components/responses/Problem' }
                '415': { $ref: '#/components/responses/Problem' }
                '429': { $ref: '#/components/responses/Busy' }
                '503': { $ref: '#/components/responses/Busy' }
          /api/v1/meters/{component}/query:
            get:
              tags: [usage]
              operationId: queryMeter
              summary: One component, in windows and groups.
              description: Scope `usage`. Without `from` the period begins with this month, without `to` it ends now.
              parameters:
                - { $ref: '#/components/parameters/component' }
                - { $ref: '#/components/parameters/from' }
                - { $ref: '#/components/parameters/to' }
                - { $ref: '#/components/parameters/windowSize' }
                - { $ref: '#/components/parameters/windowTimeZone' }
                - name: subject
                  in: query
                  description: Only this agent; may be repeated. Subjects are then kept apart.
                  schema: { type: array, items: { $ref: '#/components/schemas/Name' } }
                - name: tenant
                  in: query
                  description: Only this tenant; may be repeated. Otherwise all that the key reaches.
                  schema: { type: array, items: { $ref: '#/components/schemas/Name' } }
                - name: groupBy
                  in: query
                  description: What to keep apart; may be repeated, or with commas. `subject` is `agent`.
                  schema:
                    type: array
                    items: { type: string, enum: [tenant, agent, subject, access, component] }
              responses:
                '200':
                  description: A row for each group in each window, zeros included.
                  content: { application/json: { schema: { $ref: '#/components/schemas/MeterQuery' } } }
                '400': { $ref: '#/components/responses/Problem' }
                '401': { $ref: '#/components/responses/Problem' }
                '403': { $ref: '#/components/responses/Problem' }
                '404': { $ref: '#/components/responses/Problem' }
                '422': { $ref: '#/components/responses/Problem' }
                '429': { $ref: '#/components/responses/Busy' }
                '503': { $ref: '#/components/responses/Busy' }
          /api/v1/tenants/{tenant}/agents/{agent}/usage:
            get:
              tags: [usage]
              operationId: agentUsage
              summary: Every component of one agent, as totals and series.
              description: Scope `usage`. A tenant that the key does not reach answers like one that does not exist.
              parameters:
                - { $ref: '#/components/parameters/tenant' }
                - { $ref: '#/components/parameters/agent' }
                - { $ref: '#/components/parameters/from' }
                - { $ref: '#/components/parameters/to' }
                - { $ref: '#/components/parameters/windowSize' }
                - { $ref: '#/components/parameters/windowTimeZone' }
                - name: component
                  in: query
                  description: Only this component; may be repeated.
                  schema: { type: array, items: { $ref: '#/components/schemas/Name' } }
              responses:
                '200':
                  description: The components, sorted by name.
                  content: { application/json: { schema: { $ref: '#/components/schemas/AgentUsage' } } }
                '400': { $ref: '#/components/responses/Problem' }
                '401': { $ref: '#/components/responses/Problem' }
                '403': { $ref: '#/components/responses/Problem' }
                '404': { $ref: '#/components/responses/Problem' }
                '422': { $ref: '#/components/responses/Problem' }
                '429': { $ref: '#/components/responses/Busy' }
                '503': { $ref: '#/components/responses/Busy' }
          /healthz:
            get:
              tags: [health]
              operationId: health
              summary: Whether the process is alive; 503 names the parts that are stuck, which a restart mends.
              security: []
              responses:
                '200': { $ref: '#/components/responses/Object' }
                '503': { $ref: '#/components/responses/Object' }
          /readyz:
            get:
              tags: [health]
              operationId: readiness
              summary: Whether traffic should come here, and every condition that holds.
              security: []
              responses:
                '200': { $ref: '#/components/responses/Object' }
                '503': { $ref: '#/components/responses/Object' }
          /metrics:
            get:
              tags: [health]
              operationId: metrics
              summary: Metrics in Prometheus' text format; no label names a tenant or an agent.
              security: []
              responses:
                '200':
                  description: The exposition.
                  content: { text/plain: { schema: { type: string } } }
          /version:
            get:
              tags: [health]
              operationId: version
              summary: The version of this build.
              security: []
              responses:
                '200': { $ref: '#/components/responses/Object' }
          /openapi.yaml:
            get:
              tags: [health]
              operationId: openapi
              summary: This document.
              security: []
              responses:
                '200':
                  description: The document.
                  content: { application/yaml: { schema: { type: string } } }
          /admin/v1/status:
            get:
              tags: [administration]
              operationId: status
              summary: Health, positions, events, sources and reporting in one answer.
              responses:
                '200': { $ref: '#/components/responses/Object' }
                '401': { $ref: '#/components/responses/Problem' }
                '403': { $ref: '#/components/responses/Problem' }
          /admin/v1/keys:
            get:
              tags: [administration]
              operationId: listKeys
              summary: Every key and its state; no secrets.
              responses:
                '200': { $ref: '#/components/responses/Object' }
                '401': { $ref: '#/components/responses/Problem' }
                '403': { $ref: '#/components/responses/Problem' }
            post:
              tags: [administration]
              operationId: createKey
              summary: Makes a key; the answer is the only one that holds its secret.
              requestBody:
                required: true
                content:
                  application/json:
                    schema:
                      type: object
                      additionalProperties: false
                      required: [kind]
                      properties:
                        kind: { type: string, enum: [wire, http] }
                        scopes: { type: array, items: { type: string, enum: [ingest, usage, admin] } }
                        label: { type: string }
                        expires: { $ref: '#/components/schemas/Time' }
                        principal: { type: [integer, string], description: A principal that has keys already. }
                        platform: { type: array, items: { type: string }, description: Tenants, or all. }
                        tenant: { $ref: '#/components/schemas/Name' }
              responses:
                '201': { $ref: '#/components/responses/Object' }
                '400': { $ref: '#/components/responses/Problem' }
                '401': { $ref: '#/components/responses/Problem' }
                '403': { $ref: '#/components/responses/Problem' }
                '409': { $ref: '#/components/responses/Problem' }
          /admin/v1/keys/{id}:
            delete:
              tags: [administration]
              operationId: revokeKey
              summary: Makes a key open nothing any more, at once.
              parameters:
                - name: id
                  in: path
                  required: true
                  schema: { type: string, pattern: '^[0-9a-f]{16}$' }
                - { name: reason, in: query, schema: { type: string } }
              responses:
                '200': { $ref: '#/components/responses/Object' }
                '400': { $ref: '#/components/responses/Problem' }
                '401': { $ref: '#/components/responses/Problem' }
                '403': { $ref: '#/components/responses/Problem' }
                '409': { $ref: '#/components/responses/Problem' }
          /admin/v1/components:
            get:
              tags: [administration]
              operationId: listComponents
              summary: Every declared component.
              responses:
                '200': { $ref: '#/components/responses/Object' }
                '401': { $ref: '#/components/responses/Problem' }
                '403': { $ref: '#/components/responses/Problem' }
          /admin/v1/components/{component}:
            put:
              tags: [administration]
              operationId: declareComponent
              summary: Declares a component and its units.
              parameters:
                - { $ref: '#/components/parameters/component' }
              requestBody:
                required: true
                content:
                  application/json:
                    schema:
                      type: object
                      additionalProperties: false
                      required: [unit]
                      properties:
                        unit: { type: string }
                        reportedUnit: { type: string }
                        unitsPerReported: { $ref: '#/components/schemas/Natural' }
              responses:
                '200': { $ref: '#/components/responses/Object' }
                '400': { $ref: '#/components/responses/Problem' }
                '401': { $ref: '#/components/responses/Problem' }
                '403': { $ref: '#/components/responses/Problem' }
                '409': { $ref: '#/components/responses/Problem' }
          /admin/v1/map:
            get:
              tags: [administration]
              operationId: listBindings
              summary: Every binding, and accesses without one.
              responses:
                '200': { $ref: '#/components/responses/Object' }
                '401': { $ref: '#/components/responses/Problem' }
                '403': { $ref: '#/components/responses/Problem' }
            post:
              tags: [administration]
              operationId: bind
              summary: Binds an access to a Waldur resource.
              requestBody:
                required: true
                content:
                  application/json:
                    schema:
                      type: object
                      additionalProperties: false
                      required: [tenant, agent, resource]
                      properties:
                        tenant: { $ref: '#/components/schemas/Name' }
                        agent: { $ref: '#/components/schemas/Name' }
                        access: { type: string }
                        label: { type: string }
                        waldur: { type: string }
                        resource: { type: string }
                        from: { $ref: '#/components/schemas/Time' }
                        to: { $ref: '#/components/schemas/Time' }
                        class: { type: string, enum: [live, shadow, free, trial, internal] }
              responses:
                '201': { $ref: '#/components/responses/Object' }
                '400': { $ref: '#/components/responses/Problem' }
                '401': { $ref: '#/components/responses/Problem' }
                '403': { $ref: '#/components/responses/Problem' }
                '409': { $ref: '#/components/responses/Problem' }
                '503': { $ref: '#/components/responses/Busy' }
          /admin/v1/map/check:
            get:
              tags: [administration]
              operationId: checkMap
              summary: Compares bindings and components with Waldur's offerings.
              responses:
                '200': { $ref: '#/components/responses/Object' }
                '401': { $ref: '#/components/responses/Problem' }
                '403': { $ref: '#/components/responses/Problem' }
                '409': { $ref: '#/components/responses/Problem' }
                '503': { $ref: '#/components/responses/Busy' }
          /admin/v1/sources:
            get:
              tags: [administration]
              operationId: listSources
              summary: Every emitter's source and its state.
              responses:
                '200': { $ref: '#/components/responses/Object' }
                '401': { $ref: '#/components/responses/Problem' }
                '403': { $ref: '#/components/responses/Problem' }
          /admin/v1/sources/gaps:
            get:
              tags: [administration]
              operationId: listGaps
              summary: Events that were numbered and have not come.
              responses:
                '200': { $ref: '#/components/responses/Object' }
                '401': { $ref: '#/components/responses/Problem' }
                '403': { $ref: '#/components/responses/Problem' }
          /admin/v1/sources/conflicts:
            get:
              tags: [administration]
              operationId: listConflicts
              summary: Sources whose frames contradict each other.
              responses:
                '200': { $ref: '#/components/responses/Object' }
                '401': { $ref: '#/components/responses/Problem' }
                '403': { $ref: '#/components/responses/Problem' }
          /admin/v1/book:
            get:
              tags: [administration]
              operationId: tailBook
              summary: The newest decisions.
              parameters:
                - name: last
                  in: query
                  schema: { type: integer, minimum: 1, maximum: 1000, default: 20 }
              responses:
                '200': { $ref: '#/components/responses/Object' }
                '400': { $ref: '#/components/responses/Problem' }
                '401': { $ref: '#/components/responses/Problem' }
                '403': { $ref: '#/components/responses/Problem' }
                '503': { $ref: '#/components/responses/Busy' }
          /admin/v1/report/preview:
            get:
              tags: [administration]
              operationId: previewReport
              summary: What Waldur would be told now; nothing is sent.
              responses:
                '200': { $ref: '#/components/responses/Object' }
                '401': { $ref: '#/components/responses/Problem' }
                '403': { $ref: '#/components/responses/Problem' }
                '409': { $ref: '#/components/responses/Problem' }
                '503': { $ref: '#/components/responses/Busy' }
          /admin/v1/report/submit:
            post:
              tags: [administration]
              operationId: submitReport
              summary: Tells Waldur now and reads it back.
              responses:
                '200': { $ref: '#/components/responses/Object' }
                '401': { $ref: '#/components/responses/Problem' }
                '403': { $ref: '#/components/responses/Problem' }
                '409': { $ref: '#/components/responses/Problem' }
                '503': { $ref: '#/components/responses/Busy' }
          /admin/v1/report/status:
            get:
              tags: [administration]
              operationId: reportStatus
              summary: How reporting stands, without asking Waldur.
              responses:
                '200': { $ref: '#/components/responses/Object' }
                '401': { $ref: '#/components/responses/Problem' }
                '403': { $ref: '#/components/responses/Problem' }
          /admin/v1/report/resume:
            post:
              tags: [administration]
              operationId: resumeReport
              summary: Lets reporting go on in a new month.
              requestBody:
                required: true
                content:
                  application/json:
                    schema:
                      type: object
                      additionalProperties: false
                      required: [month]
                      properties:
                        month: { type: string, pattern: '^[0-9]{4}-[0-9]{2}$' }
                        waldur: { type: string }
              responses:
                '200': { $ref: '#/components/responses/Object' }
                '400': { $ref: '#/components/responses/Problem' }
                '401': { $ref: '#/components/responses/Problem' }
                '403': { $ref: '#/components/responses/Problem' }
                '409': { $ref: '#/components/responses/Problem' }
          /admin/v1/reconcile:
            get:
              tags: [administration]
              operationId: reconcile
              summary: Our figures beside Waldur's usage rows, read now.
              parameters:
                - { name: tenant, in: query, schema: { $ref: '#/components/schemas/Name' } }
              responses:
                '200': { $ref: '#/components/responses/Object' }
                '400': { $ref: '#/components/responses/Problem' }
                '401': { $ref: '#/components/responses/Problem' }
                '403': { $ref: '#/components/responses/Problem' }
                '409': { $ref: '#/components/responses/Problem' }
                '503': { $ref: '#/components/responses/Busy' }
        components:
          securitySchemes:
            key:
              type: http
              scheme: bearer
              description: |
                An HTTP key, `mtr_http_` and 60 letters and digits, made by `meterctl keys create http`.
          parameters:
            component:
              name: component
              in: path
              required: true
              schema: { $ref: '#/components/schemas/Name' }
            tenant:
              name: tenant
              in: path
              required: true
              schema: { $ref: '#/components/schemas/Name' }
            agent:
              name: agent
              in: path
              required: true
              schema: { $ref: '#/components/schemas/Name' }
            from:
              name: from
              in: query
              description: The first minute; a whole minute.
              schema: { $ref: '#/components/schemas/Time' }
            to:
              name: to
              in: query
              description: The minute after the last; a whole minute.
              schema: { $ref: '#/components/schemas/Time' }
            windowSize:
              name: windowSize
              in: query
              description: Windows on the clocks of the zone; without it one window over the whole period.
              schema: { type: string, enum: [MINUTE, HOUR, DAY, MONTH] }
            windowTimeZone:
              name: windowTimeZone
              in: query
              description: A name of the IANA database.
              schema: { type: string, default: UTC }
          responses:
            Object:
              description: As asked for.
              content: { application/json: { schema: { type: object } } }
            Problem:
              description: Refused; the problem document says why and what to do.
              content: { application/problem+json: { schema: { $ref: '#/components/schemas/Problem' } } }
            Busy:
              description: Not now; come again after `Retry-After` seconds. Nothing was decided.
              headers:
                Retry-After: { schema: { type: integer } }
              content: { application/problem+json: { schema: { $ref: '#/components/schemas/Problem' } } }
          schemas:
            Name:
              type: string
              minLength: 1
              maxLength: 255
              description: 1 to 255 bytes of UTF-8 without control characters.
            Time: { type: string, format: date-time }
            Amount: { type: string, pattern: '^(0|[1-9][0-9]*)$' }
            Natural:
              description: A whole number, as a JSON number or a string of its digits.
              oneOf:
                - { type: integer, minimum: 0, maximum: 9223372036854775807 }
                - { $ref: '#/components/schemas/Amount' }
            CloudEvents:
              type: array
              maxItems: 10000
              items: { $ref: '#/components/schemas/CloudEvent' }
            CloudEvent:
              type: object
              required: [specversion, id, source, type, time, data]
              properties:
                specversion: { const: '1.0' }
                id: { type: string, minLength: 1, maxLength: 1024 }
                source: { type: string, minLength: 1, maxLength: 1024 }
                type: { type: string, minLength: 1 }
                subject: { $ref: '#/components/schemas/Name', description: The agent. }
                time: { $ref: '#/components/schemas/Time' }
                datacontenttype: { type: string }
                data:
                  type: object
                  required: [amounts]
                  properties:
                    tenant: { $ref: '#/components/schemas/Name' }
                    agent: { $ref: '#/components/schemas/Name' }
                    amounts:
                      type: object
                      minProperties: 1
                      maxProperties: 64
                      additionalProperties: { $ref: '#/components/schemas/Natural' }
                    access: { type: [string, 'null'] }
                    model: { type: [string, 'null'] }
                    user: { type: [string, 'null'] }
                    outcome: { enum: [ok, error, refused, cached, null] }
                    duration_ms:
                      oneOf:
                        - { $ref: '#/components/schemas/Natural' }
                        - { type: 'null' }
            EventResult:
              type: object
              required: [index, id, outcome]
              properties:
                index: { type: integer }
                id: { type: [string, 'null'] }
                outcome: { enum: [accepted, accepted-behind, duplicate, in-conflict, refused] }
                reason: { type: string }
                detail: { type: string }
            EventResults:
              type: object
              required: [counts, results]
              properties:
                counts: { type: object, additionalProperties: { type: integer } }
                results: { type: array, items: { $ref: '#/components/schemas/EventResult' } }
            Problem:
              type: object
              required: [type, title, status, detail, instance]
              properties:
                type: { type: string, description: 'urn:meter:problem: and a name.' }
                title: { type: string }
                status: { type: integer }
                detail: { type: string }
                instance: { type: string }
            EventProblem:
              allOf:
                - { $ref: '#/components/schemas/Problem' }
                - type: object
                  required: [results]
                  properties:
                    results: { type: array, items: { $ref: '#/components/schemas/EventResult' } }
            Freshness:
              type: object
              required: [asOf, completeThrough, reconciledThrough]
              properties:
                asOf:
                  type: object
                  required: [position, time]
                  properties:
                    position: { $ref: '#/components/schemas/Amount' }
                    time: { $ref: '#/components/schemas/Time' }
                completeThrough:
                  description: Usage before this is complete; null when unknown.
                  oneOf: [{ $ref: '#/components/schemas/Time' }, { type: 'null' }]
                reconciledThrough:
                  description: Up to then Waldur was found to say the same; null where nothing was reconciled.
                  oneOf: [{ $ref: '#/components/schemas/Time' }, { type: 'null' }]
            Period:
              type: object
              required: [from, to, windowSize, windowTimeZone]
              properties:
                from: { $ref: '#/components/schemas/Time' }
                to: { $ref: '#/components/schemas/Time' }
                windowSize: { enum: [MINUTE, HOUR, DAY, MONTH, null] }
                windowTimeZone: { type: string }
            MeterQuery:
              allOf:
                - { $ref: '#/components/schemas/Period' }
                - { $ref: '#/components/schemas/Freshness' }
                - type: object
                  required: [meter, data]
                  properties:
                    meter: { $ref: '#/components/schemas/Name' }
                    data:
                      type: array
                      items:
                        type: object
                        required: [windowStart, windowEnd, value, count, subject, groupBy]
                        properties:
                          windowStart: { $ref: '#/components/schemas/Time' }
                          windowEnd: { $ref: '#/components/schemas/Time' }
                          value: { $ref: '#/components/schemas/Amount' }
                          count: { $ref: '#/components/schemas/Amount' }
                          subject: { type: [string, 'null'] }
                          groupBy: { type: object, additionalProperties: { type: [string, 'null'] } }
            AgentUsage:
              allOf:
                - { $ref: '#/components/schemas/Period' }
                - { $ref: '#/components/schemas/Freshness' }
                - type: object
                  required: [tenant, agent, components]
                  properties:
                    tenant: { $ref: '#/components/schemas/Name' }
                    agent: { $ref: '#/components/schemas/Name' }
                    components:
                      type: array
                      items:
                        type: object
                        required: [component, total, count]
                        properties:
                          component: { $ref: '#/components/schemas/Name' }
                          total: { $ref: '#/components/schemas/Amount' }
                          count: { $ref: '#/components/schemas/Amount' }
                          series:
                            type: array
                            items:
                              type: object
                              required: [windowStart, windowEnd, value, count]
                              properties:
                                windowStart: { $ref: '#/components/schemas/Time' }
                                windowEnd: { $ref: '#/components/schemas/Time' }
                                value: { $ref: '#/components/schemas/Amount' }
                                count: { $ref: '#/components/schemas/Amount' }

        """#
}
