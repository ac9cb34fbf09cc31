// Made by openapi-typescript: npm run contract:freeze
export interface paths {
    "/": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read the name and the version of the server
         * @description Does not query the database. `links` lists the paths that are enabled on this server.
         */
        get: operations["getService"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/livez": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Check whether the process responds
         * @description Does not query the database.
         */
        get: operations["getLiveness"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/readyz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Check whether the server can serve requests
         * @description The database responds within 1 s, its schema is that of this version, and the server is not shutting down. Otherwise the code of the 503 gives the condition that fails.
         */
        get: operations["getReadiness"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/verify": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Verify the credential of a request
         * @description For reverse proxies. Every method has the same effect. A path below it, such as `/verify;role=admin/orders`, is ignored from the first slash on, and the parameters stand before the slash. The body is not read. `role` is the role that the account needs: `user` is any account. A parameter that is unknown, or has an unknown value, is a 503.
         */
        get: operations["verify"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/user": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Register an account
         * @description Creates an account with the role `user`. The setting `REGISTRATION` decides whether anyone may do so, or only admins. Usernames are unique and case-insensitive.
         */
        post: operations["createUser"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/login": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Log in
         * @description Opens a session and sets its cookie. If the request has a session already, that session ends. Above the maximum number of sessions, the oldest one ends. An unknown username and a wrong password get the same response. After several failed logins, the next attempt must wait.
         */
        post: operations["login"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/me": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read your own account
         * @description The account whose session or token the request has, in its current state.
         */
        get: operations["getMe"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/user/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read an account
         * @description Every signed-in user may read every account. A limited token needs the scope `accounts:read`.
         */
        get: operations["getUser"];
        put?: never;
        post?: never;
        /**
         * Delete an account
         * @description Also deletes its sessions and tokens. The audit trail keeps its events. A limited token needs the scope `accounts:write`.
         */
        delete: operations["deleteUser"];
        options?: never;
        head?: never;
        /**
         * Change the role or the state of an account
         * @description Takes effect on the next request of the account. Disabling it ends its sessions and tokens. A limited token cannot give the role `admin`. `addressRanges` limits where the tokens of a service account may come from; null ends the limit. A limited token needs the scope `accounts:write`.
         */
        patch: operations["updateUser"];
        trace?: never;
    };
    "/sessions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List your sessions
         * @description Open sessions, newest first. A limited token needs the scope `sessions`.
         */
        get: operations["listSessions"];
        put?: never;
        post?: never;
        /**
         * End your sessions
         * @description By default, it keeps the session of this request. A limited token needs the scope `sessions`.
         */
        delete: operations["endSessions"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/sessions/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * End a session
         * @description The session must be one of your own. A limited token needs the scope `sessions`.
         */
        delete: operations["endSession"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/logout": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Log out
         * @deprecated
         * @description The same as `POST /logout`, for clients that cannot send anything else. New clients use `POST`, the method for changes.
         */
        get: operations["logoutByGet"];
        put?: never;
        /**
         * Log out
         * @description Ends the session or the token of the request on the server, before the response is sent.
         */
        post: operations["logout"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/introspect": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Inspect a credential
         * @description For other services (RFC 7662). `active` is false for a credential that is unknown, has ended or belongs to a disabled account. A limited token needs the scope `introspect`.
         */
        post: operations["introspect"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/introspect/batch": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Inspect up to 100 credentials
         * @description The results are in the order of the credentials. A limited token needs the scope `introspect`.
         */
        post: operations["introspectBatch"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/tokens": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List your tokens
         * @description Newest first.
         */
        get: operations["listTokens"];
        put?: never;
        /**
         * Create a token
         * @description Only this response contains the token. The token acts with the current role of its owner until it expires or is ended. The number of tokens of an account is limited.
         */
        post: operations["createToken"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/tokens/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * End a token
         * @description Takes effect on the next request with it.
         */
        delete: operations["endToken"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/user/update-password/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Change a password
         * @description For your own account, or for any account as an admin. It ends all tokens of the account and all its sessions except the session of this request. A wrong current password counts as a failed login.
         */
        put: operations["updatePassword"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/users": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List accounts
         * @description Ordered by username, case-insensitive. A limited token needs the scope `accounts:read`.
         */
        get: operations["listUsers"];
        put?: never;
        /**
         * Create a service account
         * @description A service account has no password and cannot log in. It acts by the tokens that admins make for it. A limited token cannot give it the role `admin`. A limited token needs the scope `accounts:write`.
         */
        post: operations["createService"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/users/{id}/sessions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the sessions of an account
         * @description Open sessions, newest first. A limited token needs the scope `sessions`.
         */
        get: operations["listUserSessions"];
        put?: never;
        post?: never;
        /**
         * End all sessions of an account
         * @description Takes effect on the next request of each session. A limited token needs the scope `sessions`.
         */
        delete: operations["endUserSessions"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/users/{id}/tokens": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the tokens of an account
         * @description Newest first. A limited token needs the scope `tokens`.
         */
        get: operations["listUserTokens"];
        put?: never;
        /**
         * Create a token of a service account
         * @description Only this response contains the token. It acts with the current role of the service account until it expires, is ended, or the account is disabled.
         */
        post: operations["createServiceToken"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/users/{id}/tokens/{tokenId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * End a token of an account
         * @description Takes effect on the next request with it. A limited token needs the scope `tokens`.
         */
        delete: operations["endUserToken"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read the audit trail
         * @description Newest first by default. To follow the trail, read it oldest first and keep the last cursor: it leads to the events that come later. Ids are in the order of commits. A limited token needs the scope `events:read`.
         */
        get: operations["listEvents"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /**
         * @description What an account may do
         * @enum {string}
         */
        Role: "user" | "admin";
        /**
         * @description A person logs in. A service account has no password and acts by its tokens
         * @enum {string}
         */
        AccountKind: "person" | "service";
        /** @description An account, as every signed-in user sees it */
        User: {
            /**
             * Format: int64
             * @example 42
             */
            id: number;
            /** @example alice */
            username: string;
            role: components["schemas"]["Role"];
            /**
             * Format: date-time
             * @example 2026-11-23T08:30:00.000Z
             */
            createdAt: string;
        };
        /** @description An account, as admins see it */
        ManagedUser: {
            /**
             * Format: int64
             * @example 42
             */
            id: number;
            /** @example alice */
            username: string;
            role: components["schemas"]["Role"];
            /**
             * Format: date-time
             * @example 2026-11-23T08:30:00.000Z
             */
            createdAt: string;
            kind: components["schemas"]["AccountKind"];
            disabled: boolean;
            /** @description Addresses and CIDR ranges that the tokens of a service account may come from */
            addressRanges: string[] | null;
        };
        /** @description A page of a list, and the cursor of the next page */
        ManagedUserPage: {
            items: components["schemas"]["ManagedUser"][];
            nextCursor: string | null;
        };
        /** @description What to change: at least one property */
        UserChange: {
            role?: components["schemas"]["Role"];
            disabled?: boolean;
            /** @description Addresses and CIDR ranges that the tokens of a service account may come from */
            addressRanges?: string[] | null;
        };
        /** @description A confirmation, with the account */
        UserMessage: {
            /** @example Done. */
            message: string;
            user: components["schemas"]["User"];
        };
        /** @description A confirmation for people */
        Message: {
            /** @example Done. */
            message: string;
        };
        /** @description The credential to inspect. Other parameters are ignored */
        IntrospectionRequest: {
            /**
             * @description A token, or the value of a session cookie
             * @example gh_…
             */
            token: string;
            /**
             * @description Has no effect: the server recognises both kinds
             * @example session
             */
            token_type_hint?: string;
            /**
             * @description The address that the credential came from. Without it, a token that is limited to addresses is inactive
             * @example 192.0.2.7
             */
            address?: string;
        };
        /** @description What a credential is */
        Introspection: {
            /** @description Without it, no other property is present */
            active: boolean;
            /** @description The id of the account */
            sub?: string;
            username?: string;
            role?: components["schemas"]["Role"];
            kind?: components["schemas"]["AccountKind"];
            /** @description Separated by spaces. Absent if the credential is not limited */
            scope?: string;
            token_type?: components["schemas"]["CredentialType"];
            /**
             * Format: int64
             * @description In s since 1970
             */
            iat?: number;
            /**
             * Format: int64
             * @description In s since 1970. Absent if it does not expire
             */
            exp?: number;
            /** @description The username of a service account */
            client_id?: string;
        };
        /** @description The credentials to inspect */
        IntrospectionBatchRequest: {
            credentials: {
                /**
                 * @description A token, or the value of a session cookie
                 * @example gh_…
                 */
                token: string;
                /**
                 * @description The address that the credential came from. Without it, a token that is limited to addresses is inactive
                 * @example 192.0.2.7
                 */
                address?: string;
            }[];
        };
        /** @description A result for each credential, in the same order */
        IntrospectionBatch: {
            results: components["schemas"]["Introspection"][];
        };
        /**
         * @description The kind of a credential: `Bearer` is a token
         * @enum {string}
         */
        CredentialType: "Bearer" | "session";
        /**
         * @description A request without a valid credential passes too, with empty headers. Not together with a role or scopes
         * @enum {string}
         */
        AnonymousAccess: "allow";
        /** @description The new service account. Its role is `user` by default */
        ServiceRequest: {
            /**
             * @description `service`. People register by `POST /user`
             * @example service
             */
            kind: string;
            /**
             * @description 1 to 80 letters, digits or ._@+-, starting with a letter or a digit
             * @example alice
             */
            username: string;
            role?: components["schemas"]["Role"];
            /** @description Addresses and CIDR ranges that the tokens of a service account may come from */
            addressRanges?: string[];
        };
        /** @description The username, case-insensitive, and the password */
        Credentials: {
            /**
             * @description 1 to 80 characters without control characters
             * @example alice
             */
            username: string;
            /**
             * Format: password
             * @example tea at the old mill
             */
            password: string;
        };
        /** @description The new account */
        Registration: {
            /**
             * @description 1 to 80 letters, digits or ._@+-, starting with a letter or a digit
             * @example alice
             */
            username: string;
            /**
             * Format: password
             * @description At least 8 characters, or more by configuration, and at most 72 bytes of UTF-8. Common passwords are refused
             * @example tea at the old mill
             */
            password: string;
        };
        /** @description The new password. If the current password is given, it must be right */
        PasswordChange: {
            /**
             * Format: password
             * @description At least 8 characters, or more by configuration, and at most 72 bytes of UTF-8. Common passwords are refused
             * @example tea at the old mill
             */
            password: string;
            /**
             * Format: password
             * @example tea at the old mill
             */
            currentPassword?: string;
        };
        /** @description An open session. Its id is not a credential */
        Session: {
            /**
             * Format: int64
             * @example 42
             */
            id: number;
            /**
             * Format: date-time
             * @example 2026-11-23T08:30:00.000Z
             */
            createdAt: string;
            /**
             * Format: date-time
             * @example 2026-11-23T08:30:00.000Z
             */
            lastSeenAt: string;
            /**
             * Format: date-time
             * @example 2026-11-23T08:30:00.000Z
             */
            expiresAt: string;
            /** @example 192.0.2.7 */
            address: string | null;
            userAgent: string | null;
            /** @description whether it is the session of this request */
            current: boolean;
        };
        /** @description A page of a list, and the cursor of the next page */
        SessionPage: {
            items: components["schemas"]["Session"][];
            nextCursor: string | null;
        };
        /**
         * @description Which sessions to end: `others` keeps the session of the request
         * @default others
         * @enum {string}
         */
        SessionScope: "others" | "all";
        /** @description A token of a machine client, without the secret */
        Token: {
            /**
             * Format: int64
             * @example 42
             */
            id: number;
            /** @example nightly job */
            name: string;
            /** @description What the token may do; null for all that its owner may */
            scopes: string[] | null;
            /**
             * Format: date-time
             * @example 2026-11-23T08:30:00.000Z
             */
            createdAt: string;
            /**
             * Format: date-time
             * @example 2026-11-23T08:30:00.000Z
             */
            expiresAt: string | null;
            /**
             * Format: date-time
             * @example 2026-11-23T08:30:00.000Z
             */
            lastUsedAt: string | null;
        };
        /** @description The only response that holds the secret token itself */
        IssuedToken: {
            /**
             * Format: int64
             * @example 42
             */
            id: number;
            /** @example nightly job */
            name: string;
            /** @description What the token may do; null for all that its owner may */
            scopes: string[] | null;
            /**
             * Format: date-time
             * @example 2026-11-23T08:30:00.000Z
             */
            createdAt: string;
            /**
             * Format: date-time
             * @example 2026-11-23T08:30:00.000Z
             */
            expiresAt: string | null;
            /**
             * Format: date-time
             * @example 2026-11-23T08:30:00.000Z
             */
            lastUsedAt: string | null;
            token: string;
        };
        /** @description A page of a list, and the cursor of the next page */
        TokenPage: {
            items: components["schemas"]["Token"][];
            nextCursor: string | null;
        };
        /** @description The new token */
        TokenRequest: {
            /**
             * @description without control characters
             * @example nightly job
             */
            name: string;
            /** @description What the token may do. Without it, all that its owner may. Gatehouse has the scopes `accounts:read`, `accounts:write`, `sessions`, `tokens`, `events:read`, `introspect`. Scopes of other services have a prefix of their own, such as `orders:read` */
            scopes?: string[];
            /**
             * Format: date-time
             * @description In the future, at most ten years ahead. Without it, the token does not expire
             * @example 2030-01-01T00:00:00Z
             */
            expiresAt?: string;
        };
        /**
         * @description The kind of the events to list
         * @enum {string}
         */
        EventType: "login" | "logout" | "user_created" | "user_updated" | "user_deleted" | "password_changed" | "session_ended" | "token_created" | "token_ended" | "users_imported";
        /**
         * @description Which events come first
         * @default newest
         * @enum {string}
         */
        EventOrder: "newest" | "oldest";
        /**
         * @description Whether it was done or refused
         * @enum {string}
         */
        EventOutcome: "success" | "failure";
        /** @description Who did what, to which account, from where, and with what outcome */
        Event: {
            /**
             * Format: int64
             * @example 42
             */
            id: number;
            /**
             * Format: date-time
             * @example 2026-11-23T08:30:00.000Z
             */
            at: string;
            /**
             * @description The kind of the event: `login`, `logout`, `user_created`, `user_updated`, `user_deleted`, `password_changed`, `session_ended`, `token_created`, `token_ended`, `users_imported`. A later version can have more
             * @example login
             */
            type: string;
            outcome: components["schemas"]["EventOutcome"];
            /**
             * Format: int64
             * @example 42
             */
            actorId: number | null;
            /**
             * Format: int64
             * @example 42
             */
            userId: number | null;
            /** @example 192.0.2.7 */
            address: string | null;
            requestId: string | null;
            detail: {
                [key: string]: unknown;
            } | null;
            /** Format: int64 */
            count: number;
        };
        /** @description A page of a list, and the cursor of the next page */
        EventPage: {
            items: components["schemas"]["Event"][];
            nextCursor: string | null;
        };
        /**
         * @description `alive` from `/livez`, `ready` from `/readyz`
         * @enum {string}
         */
        HealthStatus: "alive" | "ready";
        /** @description The state of the server */
        Health: {
            status: components["schemas"]["HealthStatus"];
        };
        /** @description The name and the version of this server, and links to its other resources */
        Service: {
            /** @example Gatehouse */
            name: string;
            /** @example 1.0.0 */
            version: string;
            links: {
                /** @example /livez */
                liveness: string;
                /** @example /readyz */
                readiness: string;
                /** @example /openapi.json */
                openapi?: string;
                /** @example /docs */
                docs?: string;
            };
        };
        /**
         * @description What went wrong, from a closed list
         * @enum {string}
         */
        ErrorCode: "VALIDATION_FAILED" | "INVALID_JSON" | "BAD_REQUEST" | "INVALID_CREDENTIALS" | "WRONG_CURRENT_PASSWORD" | "PASSWORD_REFUSED" | "USERNAME_TAKEN" | "UNAUTHENTICATED" | "SESSION_REQUIRED" | "NOT_PERMITTED" | "PASSWORD_MISSING" | "ROLE_MISSING" | "SCOPE_MISSING" | "TOKEN_LIMITED" | "CROSS_SITE" | "USER_NOT_FOUND" | "SESSION_NOT_FOUND" | "TOKEN_NOT_FOUND" | "ROUTE_NOT_FOUND" | "METHOD_NOT_ALLOWED" | "REQUEST_TIMEOUT" | "ACCOUNT_DISABLED" | "NOT_A_SERVICE" | "NO_PASSWORD" | "OWN_ACCOUNT" | "LAST_ADMIN" | "TOKEN_LIMIT" | "IDEMPOTENCY_IN_PROGRESS" | "PRECONDITION_FAILED" | "BODY_TOO_LARGE" | "UNSUPPORTED_MEDIA_TYPE" | "IDEMPOTENCY_KEY_REUSED" | "TOO_MANY_REQUESTS" | "LOGIN_THROTTLED" | "HEADERS_TOO_LARGE" | "INTERNAL_ERROR" | "HASH_CAPACITY" | "SCHEMA_OUTDATED" | "DATABASE_UNAVAILABLE" | "SHUTTING_DOWN" | "OUTCOME_UNKNOWN" | "OVERLOADED" | "VERIFY_LIMITED" | "VERIFY_MISCONFIGURED" | "SERVICE_UNAVAILABLE";
        /** @description A validation error: the field, and what is wrong with it */
        Fault: {
            /** @example body.username */
            path: string;
            /** @example is required */
            message: string;
        };
        /** @description The shape of every error */
        ApiError: {
            /**
             * Format: int32
             * @example 404
             */
            statusCode: number;
            code: components["schemas"]["ErrorCode"];
            /** @example Not Found */
            error: string;
            /** @example There is no such user. */
            message: string;
            errors?: components["schemas"]["Fault"][];
        };
        /** @description The same error as RFC 9457 defines it, for clients that accept `application/problem+json` */
        Problem: {
            /** @example about:blank */
            type: string;
            /** @example Not Found */
            title: string;
            /**
             * Format: int32
             * @example 404
             */
            status: number;
            /** @example There is no such user. */
            detail: string;
            code: components["schemas"]["ErrorCode"];
            errors?: components["schemas"]["Fault"][];
        };
    };
    responses: {
        /** @description A status that this version does not send. The body may have another shape */
        UnexpectedError: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["ApiError"];
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `BAD_REQUEST`: The request is malformed. */
        BadRequest: {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["ApiError"];
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `REQUEST_TIMEOUT`: The request did not arrive in time. */
        RequestTimeout: {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["ApiError"];
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `TOO_MANY_REQUESTS`: Too many requests from this address. */
        TooManyRequests: {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                "Retry-After": components["headers"]["Retry-After"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["ApiError"];
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `HEADERS_TOO_LARGE`: The URL and the headers exceed 16 KiB. */
        HeadersTooLarge: {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["ApiError"];
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `INTERNAL_ERROR`: The server failed to process the request. */
        InternalError: {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["ApiError"];
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `UNAUTHENTICATED`: The request has no valid session or token. */
        Unauthenticated: {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                "WWW-Authenticate": components["headers"]["WWW-Authenticate"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["ApiError"];
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `IDEMPOTENCY_IN_PROGRESS`: A request with this Idempotency-Key is still being processed. Try again shortly. */
        IdempotencyInProgress: {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                "Retry-After": components["headers"]["RetryAfterInProgress"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["ApiError"];
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `BODY_TOO_LARGE`: The body is longer than 16 KiB. */
        BodyTooLarge: {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["ApiError"];
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `UNSUPPORTED_MEDIA_TYPE`: The operation does not accept this content type or content encoding. */
        UnsupportedMediaType: {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["ApiError"];
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `IDEMPOTENCY_KEY_REUSED`: This Idempotency-Key belongs to another request. */
        IdempotencyKeyReused: {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["ApiError"];
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `CROSS_SITE`: This request may not come from another site. */
        CrossSite: {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["ApiError"];
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `SCOPE_MISSING`: The token lacks the scope is refused, with the reason. */
        ScopeMissing: {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                "WWW-Authenticate": components["headers"]["InsufficientScope"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["ApiError"];
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `USER_NOT_FOUND`: There is no such account. */
        UserNotFound: {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["ApiError"];
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `USER_NOT_FOUND`: There is no such account. */
        ReplayableUserNotFound: {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["ApiError"];
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `PRECONDITION_FAILED`: The account has none of the versions in If-Match. */
        ReplayablePreconditionFailed: {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["ApiError"];
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `SESSION_NOT_FOUND`: There is no such session. */
        ReplayableSessionNotFound: {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["ApiError"];
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `TOKEN_NOT_FOUND`: There is no such token. */
        ReplayableTokenNotFound: {
            headers: {
                "X-Request-Id": components["headers"]["X-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["ApiError"];
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
    };
    parameters: never;
    requestBodies: never;
    headers: {
        /**
         * @description The id of the request, as in the log: the one that the client sent, if it is 1 to 64 letters, digits or `._:-`
         * @example 6f1c2a4e-0f6b-4b0e-9d0a-0c5f6c1b7d11
         */
        "X-Request-Id": string;
        /**
         * @description How many requests an address may send in a window. Absent where requests are not limited
         * @example 6000
         */
        "RateLimit-Limit": number;
        /**
         * @description How many requests are left in the window
         * @example 5999
         */
        "RateLimit-Remaining": number;
        /**
         * @description How many seconds are left of the window
         * @example 60
         */
        "RateLimit-Reset": number;
        /**
         * @description How many seconds to wait before trying again
         * @example 1
         */
        "Retry-After": number;
        /**
         * @description How many seconds to wait before trying again, for the code `IDEMPOTENCY_IN_PROGRESS`
         * @example 1
         */
        RetryAfterInProgress: number;
        /**
         * @description The authentication scheme besides the cookie
         * @example Bearer realm="gatehouse"
         */
        "WWW-Authenticate": string;
        /**
         * @description The scope that the token lacks, for the code `SCOPE_MISSING` (RFC 6750 3)
         * @example Bearer realm="gatehouse", error="insufficient_scope", scope="events:read"
         */
        InsufficientScope: string;
        /**
         * @description The id of the account. Empty without an identity, as the other headers
         * @example 7
         */
        "X-Gatehouse-User-Id": string;
        /**
         * @description The username. Characters other than visible ASCII, and `%`, are percent-encoded in UTF-8
         * @example ada
         */
        "X-Gatehouse-Username": string;
        /**
         * @description The role of the account
         * @example user
         */
        "X-Gatehouse-Role": string;
        /**
         * @description The kind of the credential
         * @example session
         */
        "X-Gatehouse-Credential": string;
        /**
         * @description The scopes of a limited token, separated by spaces. `*` for a session, and for a token that is not limited
         * @example orders:read
         */
        "X-Gatehouse-Scopes": string;
        /**
         * @description Sets or deletes the session cookie
         * @example session=5Uyx…; Path=/; HttpOnly; SameSite=Lax
         */
        "Set-Cookie": string;
        /**
         * @description The version of the account, for `If-None-Match` and `If-Match`
         * @example W/"3"
         */
        ETag: string;
        /**
         * @description The next page of a list, if there is one (RFC 8288)
         * @example <?limit=50&cursor=eyJ…>; rel="next"
         */
        Link: string;
        /**
         * @description `true` if this is the first answer to an earlier request with this `Idempotency-Key`. Otherwise absent
         * @example true
         */
        "Idempotency-Replayed": string;
        /**
         * @description The path to go to
         * @example /docs
         */
        Location: string;
    };
    pathItems: never;
}
export type Role = components['schemas']['Role'];
export type AccountKind = components['schemas']['AccountKind'];
export type User = components['schemas']['User'];
export type ManagedUser = components['schemas']['ManagedUser'];
export type ManagedUserPage = components['schemas']['ManagedUserPage'];
export type UserChange = components['schemas']['UserChange'];
export type UserMessage = components['schemas']['UserMessage'];
export type Message = components['schemas']['Message'];
export type IntrospectionRequest = components['schemas']['IntrospectionRequest'];
export type Introspection = components['schemas']['Introspection'];
export type IntrospectionBatchRequest = components['schemas']['IntrospectionBatchRequest'];
export type IntrospectionBatch = components['schemas']['IntrospectionBatch'];
export type CredentialType = components['schemas']['CredentialType'];
export type AnonymousAccess = components['schemas']['AnonymousAccess'];
export type ServiceRequest = components['schemas']['ServiceRequest'];
export type Credentials = components['schemas']['Credentials'];
export type Registration = components['schemas']['Registration'];
export type PasswordChange = components['schemas']['PasswordChange'];
export type Session = components['schemas']['Session'];
export type SessionPage = components['schemas']['SessionPage'];
export type SessionScope = components['schemas']['SessionScope'];
export type Token = components['schemas']['Token'];
export type IssuedToken = components['schemas']['IssuedToken'];
export type TokenPage = components['schemas']['TokenPage'];
export type TokenRequest = components['schemas']['TokenRequest'];
export type EventType = components['schemas']['EventType'];
export type EventOrder = components['schemas']['EventOrder'];
export type EventOutcome = components['schemas']['EventOutcome'];
export type Event = components['schemas']['Event'];
export type EventPage = components['schemas']['EventPage'];
export type HealthStatus = components['schemas']['HealthStatus'];
export type Health = components['schemas']['Health'];
export type Service = components['schemas']['Service'];
export type ErrorCode = components['schemas']['ErrorCode'];
export type Fault = components['schemas']['Fault'];
export type ApiError = components['schemas']['ApiError'];
export type Problem = components['schemas']['Problem'];
export type ResponseUnexpectedError = components['responses']['UnexpectedError'];
export type ResponseBadRequest = components['responses']['BadRequest'];
export type ResponseRequestTimeout = components['responses']['RequestTimeout'];
export type ResponseTooManyRequests = components['responses']['TooManyRequests'];
export type ResponseHeadersTooLarge = components['responses']['HeadersTooLarge'];
export type ResponseInternalError = components['responses']['InternalError'];
export type ResponseUnauthenticated = components['responses']['Unauthenticated'];
export type ResponseIdempotencyInProgress = components['responses']['IdempotencyInProgress'];
export type ResponseBodyTooLarge = components['responses']['BodyTooLarge'];
export type ResponseUnsupportedMediaType = components['responses']['UnsupportedMediaType'];
export type ResponseIdempotencyKeyReused = components['responses']['IdempotencyKeyReused'];
export type ResponseCrossSite = components['responses']['CrossSite'];
export type ResponseScopeMissing = components['responses']['ScopeMissing'];
export type ResponseUserNotFound = components['responses']['UserNotFound'];
export type ResponseReplayableUserNotFound = components['responses']['ReplayableUserNotFound'];
export type ResponseReplayablePreconditionFailed = components['responses']['ReplayablePreconditionFailed'];
export type ResponseReplayableSessionNotFound = components['responses']['ReplayableSessionNotFound'];
export type ResponseReplayableTokenNotFound = components['responses']['ReplayableTokenNotFound'];
export type HeaderXRequestId = components['headers']['X-Request-Id'];
export type HeaderRateLimitLimit = components['headers']['RateLimit-Limit'];
export type HeaderRateLimitRemaining = components['headers']['RateLimit-Remaining'];
export type HeaderRateLimitReset = components['headers']['RateLimit-Reset'];
export type HeaderRetryAfter = components['headers']['Retry-After'];
export type HeaderRetryAfterInProgress = components['headers']['RetryAfterInProgress'];
export type HeaderWwwAuthenticate = components['headers']['WWW-Authenticate'];
export type HeaderInsufficientScope = components['headers']['InsufficientScope'];
export type HeaderXGatehouseUserId = components['headers']['X-Gatehouse-User-Id'];
export type HeaderXGatehouseUsername = components['headers']['X-Gatehouse-Username'];
export type HeaderXGatehouseRole = components['headers']['X-Gatehouse-Role'];
export type HeaderXGatehouseCredential = components['headers']['X-Gatehouse-Credential'];
export type HeaderXGatehouseScopes = components['headers']['X-Gatehouse-Scopes'];
export type HeaderSetCookie = components['headers']['Set-Cookie'];
export type HeaderETag = components['headers']['ETag'];
export type HeaderLink = components['headers']['Link'];
export type HeaderIdempotencyReplayed = components['headers']['Idempotency-Replayed'];
export type HeaderLocation = components['headers']['Location'];
export type $defs = Record<string, never>;
export interface operations {
    getService: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The name and the version of this server, and links to its other resources */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Service"];
                };
            };
            /** @description The client prefers HTML, and the server has a documentation page */
            302: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    Location: components["headers"]["Location"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            408: components["responses"]["RequestTimeout"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["InternalError"];
            /**
             * @description `OVERLOADED`: The server has too much to do. Try again shortly.
             *
             *     `SERVICE_UNAVAILABLE`: Try again shortly.
             */
            503: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Retry-After": components["headers"]["Retry-After"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            default: components["responses"]["UnexpectedError"];
        };
    };
    getLiveness: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The state of the server */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Health"];
                };
            };
            400: components["responses"]["BadRequest"];
            408: components["responses"]["RequestTimeout"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["InternalError"];
            /**
             * @description `OVERLOADED`: The server has too much to do. Try again shortly.
             *
             *     `SERVICE_UNAVAILABLE`: Try again shortly.
             */
            503: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Retry-After": components["headers"]["Retry-After"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            default: components["responses"]["UnexpectedError"];
        };
    };
    getReadiness: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The state of the server */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Health"];
                };
            };
            400: components["responses"]["BadRequest"];
            408: components["responses"]["RequestTimeout"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["InternalError"];
            /**
             * @description `SCHEMA_OUTDATED`: The database lacks migrations of this version.
             *
             *     `DATABASE_UNAVAILABLE`: The database does not respond.
             *
             *     `SHUTTING_DOWN`: The server is shutting down.
             *
             *     `OVERLOADED`: The server has too much to do. Try again shortly.
             *
             *     `SERVICE_UNAVAILABLE`: Try again shortly.
             */
            503: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Retry-After": components["headers"]["Retry-After"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            default: components["responses"]["UnexpectedError"];
        };
    };
    verify: {
        parameters: {
            query?: {
                role?: components["schemas"]["Role"];
                /**
                 * @description The scopes that a limited token needs, separated by spaces
                 * @example orders:read
                 */
                scope?: string;
                anonymous?: components["schemas"]["AnonymousAccess"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The request may pass. The body is empty */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "X-Gatehouse-User-Id": components["headers"]["X-Gatehouse-User-Id"];
                    "X-Gatehouse-Username": components["headers"]["X-Gatehouse-Username"];
                    "X-Gatehouse-Role": components["headers"]["X-Gatehouse-Role"];
                    "X-Gatehouse-Credential": components["headers"]["X-Gatehouse-Credential"];
                    "X-Gatehouse-Scopes": components["headers"]["X-Gatehouse-Scopes"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            /**
             * @description `ROLE_MISSING`: The account lacks the role is refused, with the reason.
             *
             *     `SCOPE_MISSING`: The token lacks the scope is refused, with the reason.
             */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "WWW-Authenticate": components["headers"]["InsufficientScope"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            408: components["responses"]["RequestTimeout"];
            431: components["responses"]["HeadersTooLarge"];
            /**
             * @description `OVERLOADED`: The server has too much to do. Try again shortly.
             *
             *     `VERIFY_LIMITED`: Too many invalid credentials came from this address. Try again later.
             *
             *     `VERIFY_MISCONFIGURED`: The URL that the proxy calls has an unknown or contradictory parameter.
             *
             *     `SERVICE_UNAVAILABLE`: Try again shortly.
             */
            503: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Retry-After": components["headers"]["Retry-After"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            default: components["responses"]["UnexpectedError"];
        };
    };
    createUser: {
        parameters: {
            query?: never;
            header?: {
                /** @description A random value that the client makes for one request and sends with each of its retries: they get the first answer. Quoted or not */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Registration"];
            };
        };
        responses: {
            /** @description A confirmation, with the account */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UserMessage"];
                };
            };
            /**
             * @description `VALIDATION_FAILED`: The request is not valid.
             *
             *     `INVALID_JSON`: The body is not valid JSON in UTF-8.
             *
             *     `BAD_REQUEST`: The request is malformed.
             *
             *     `PASSWORD_REFUSED`: The password is refused, with the reason.
             *
             *     `USERNAME_TAKEN`: An account with this name exists already.
             */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /**
             * @description `UNAUTHENTICATED`: The request has no valid session or token.
             *
             *     `NOT_PERMITTED`: This account may not do this.
             */
            401: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "WWW-Authenticate": components["headers"]["WWW-Authenticate"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /**
             * @description `SCOPE_MISSING`: The token lacks the scope is refused, with the reason.
             *
             *     `CROSS_SITE`: This request may not come from another site.
             */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "WWW-Authenticate": components["headers"]["InsufficientScope"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            408: components["responses"]["RequestTimeout"];
            409: components["responses"]["IdempotencyInProgress"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["IdempotencyKeyReused"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["InternalError"];
            /**
             * @description `HASH_CAPACITY`: The server is checking too many passwords. Try again shortly.
             *
             *     `OUTCOME_UNKNOWN`: The change may have been made or not: repeat the request with the same Idempotency-Key, or read the resource first.
             *
             *     `OVERLOADED`: The server has too much to do. Try again shortly.
             *
             *     `SERVICE_UNAVAILABLE`: Try again shortly.
             */
            503: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Retry-After": components["headers"]["Retry-After"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            default: components["responses"]["UnexpectedError"];
        };
    };
    login: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Credentials"];
            };
        };
        responses: {
            /** @description A confirmation, with the account */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Set-Cookie": components["headers"]["Set-Cookie"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UserMessage"];
                };
            };
            /**
             * @description `VALIDATION_FAILED`: The request is not valid.
             *
             *     `INVALID_JSON`: The body is not valid JSON in UTF-8.
             *
             *     `BAD_REQUEST`: The request is malformed.
             *
             *     `INVALID_CREDENTIALS`: The username or the password is wrong.
             */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            403: components["responses"]["CrossSite"];
            408: components["responses"]["RequestTimeout"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            /**
             * @description `TOO_MANY_REQUESTS`: Too many requests from this address.
             *
             *     `LOGIN_THROTTLED`: Too many wrong passwords. Wait before the next attempt.
             */
            429: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Retry-After": components["headers"]["Retry-After"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["InternalError"];
            /**
             * @description `HASH_CAPACITY`: The server is checking too many passwords. Try again shortly.
             *
             *     `OUTCOME_UNKNOWN`: The change may have been made or not: repeat the request with the same Idempotency-Key, or read the resource first.
             *
             *     `OVERLOADED`: The server has too much to do. Try again shortly.
             *
             *     `SERVICE_UNAVAILABLE`: Try again shortly.
             */
            503: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Retry-After": components["headers"]["Retry-After"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            default: components["responses"]["UnexpectedError"];
        };
    };
    getMe: {
        parameters: {
            query?: never;
            header?: {
                /** @description Versions of the account, as in `ETag`. If it has one of them, the response is a 304 */
                "If-None-Match"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description An account, as every signed-in user sees it */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["User"];
                };
            };
            /** @description The account still has a version that `If-None-Match` names */
            304: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            408: components["responses"]["RequestTimeout"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["InternalError"];
            /**
             * @description `OVERLOADED`: The server has too much to do. Try again shortly.
             *
             *     `SERVICE_UNAVAILABLE`: Try again shortly.
             */
            503: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Retry-After": components["headers"]["Retry-After"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            default: components["responses"]["UnexpectedError"];
        };
    };
    getUser: {
        parameters: {
            query?: never;
            header?: {
                /** @description Versions of the account, as in `ETag`. If it has one of them, the response is a 304 */
                "If-None-Match"?: string;
            };
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description An account, as every signed-in user sees it */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["User"];
                };
            };
            /** @description The account still has a version that `If-None-Match` names */
            304: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            /**
             * @description `VALIDATION_FAILED`: The request is not valid.
             *
             *     `BAD_REQUEST`: The request is malformed.
             */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["ScopeMissing"];
            404: components["responses"]["UserNotFound"];
            408: components["responses"]["RequestTimeout"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["InternalError"];
            /**
             * @description `OVERLOADED`: The server has too much to do. Try again shortly.
             *
             *     `SERVICE_UNAVAILABLE`: Try again shortly.
             */
            503: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Retry-After": components["headers"]["Retry-After"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            default: components["responses"]["UnexpectedError"];
        };
    };
    deleteUser: {
        parameters: {
            query?: never;
            header?: {
                /** @description Versions of the account, as in `ETag`. The change is made only if it has one of them */
                "If-Match"?: string;
                /** @description A random value that the client makes for one request and sends with each of its retries: they get the first answer. Quoted or not */
                "Idempotency-Key"?: string;
            };
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A confirmation for people */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Message"];
                };
            };
            /**
             * @description `VALIDATION_FAILED`: The request is not valid.
             *
             *     `INVALID_JSON`: The body is not valid JSON in UTF-8.
             *
             *     `BAD_REQUEST`: The request is malformed.
             */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /**
             * @description `UNAUTHENTICATED`: The request has no valid session or token.
             *
             *     `NOT_PERMITTED`: This account may not do this.
             */
            401: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "WWW-Authenticate": components["headers"]["WWW-Authenticate"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /**
             * @description `SCOPE_MISSING`: The token lacks the scope is refused, with the reason.
             *
             *     `CROSS_SITE`: This request may not come from another site.
             */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "WWW-Authenticate": components["headers"]["InsufficientScope"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            404: components["responses"]["ReplayableUserNotFound"];
            408: components["responses"]["RequestTimeout"];
            /**
             * @description `OWN_ACCOUNT`: Admins may not do this to their own account.
             *
             *     `LAST_ADMIN`: No enabled admin who can log in would remain.
             *
             *     `IDEMPOTENCY_IN_PROGRESS`: A request with this Idempotency-Key is still being processed. Try again shortly.
             */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    "Retry-After": components["headers"]["RetryAfterInProgress"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            412: components["responses"]["ReplayablePreconditionFailed"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["IdempotencyKeyReused"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["InternalError"];
            /**
             * @description `OUTCOME_UNKNOWN`: The change may have been made or not: repeat the request with the same Idempotency-Key, or read the resource first.
             *
             *     `OVERLOADED`: The server has too much to do. Try again shortly.
             *
             *     `SERVICE_UNAVAILABLE`: Try again shortly.
             */
            503: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Retry-After": components["headers"]["Retry-After"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            default: components["responses"]["UnexpectedError"];
        };
    };
    updateUser: {
        parameters: {
            query?: never;
            header?: {
                /** @description Versions of the account, as in `ETag`. The change is made only if it has one of them */
                "If-Match"?: string;
                /** @description A random value that the client makes for one request and sends with each of its retries: they get the first answer. Quoted or not */
                "Idempotency-Key"?: string;
            };
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UserChange"];
            };
        };
        responses: {
            /** @description An account, as admins see it */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    ETag: components["headers"]["ETag"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ManagedUser"];
                };
            };
            /**
             * @description `VALIDATION_FAILED`: The request is not valid.
             *
             *     `INVALID_JSON`: The body is not valid JSON in UTF-8.
             *
             *     `BAD_REQUEST`: The request is malformed.
             */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /**
             * @description `UNAUTHENTICATED`: The request has no valid session or token.
             *
             *     `NOT_PERMITTED`: This account may not do this.
             */
            401: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "WWW-Authenticate": components["headers"]["WWW-Authenticate"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /**
             * @description `SCOPE_MISSING`: The token lacks the scope is refused, with the reason.
             *
             *     `TOKEN_LIMITED`: A limited token may not make an admin, or let one do more.
             *
             *     `CROSS_SITE`: This request may not come from another site.
             */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "WWW-Authenticate": components["headers"]["InsufficientScope"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            404: components["responses"]["ReplayableUserNotFound"];
            408: components["responses"]["RequestTimeout"];
            /**
             * @description `NOT_A_SERVICE`: This account is not a service account.
             *
             *     `OWN_ACCOUNT`: Admins may not do this to their own account.
             *
             *     `LAST_ADMIN`: No enabled admin who can log in would remain.
             *
             *     `IDEMPOTENCY_IN_PROGRESS`: A request with this Idempotency-Key is still being processed. Try again shortly.
             */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    "Retry-After": components["headers"]["RetryAfterInProgress"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            412: components["responses"]["ReplayablePreconditionFailed"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["IdempotencyKeyReused"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["InternalError"];
            /**
             * @description `OUTCOME_UNKNOWN`: The change may have been made or not: repeat the request with the same Idempotency-Key, or read the resource first.
             *
             *     `OVERLOADED`: The server has too much to do. Try again shortly.
             *
             *     `SERVICE_UNAVAILABLE`: Try again shortly.
             */
            503: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Retry-After": components["headers"]["Retry-After"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            default: components["responses"]["UnexpectedError"];
        };
    };
    listSessions: {
        parameters: {
            query?: {
                /** @description a whole number from 1 to 100 */
                limit?: number;
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of a list, and the cursor of the next page */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    Link: components["headers"]["Link"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SessionPage"];
                };
            };
            /**
             * @description `VALIDATION_FAILED`: The request is not valid.
             *
             *     `BAD_REQUEST`: The request is malformed.
             */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["ScopeMissing"];
            408: components["responses"]["RequestTimeout"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["InternalError"];
            /**
             * @description `OVERLOADED`: The server has too much to do. Try again shortly.
             *
             *     `SERVICE_UNAVAILABLE`: Try again shortly.
             */
            503: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Retry-After": components["headers"]["Retry-After"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            default: components["responses"]["UnexpectedError"];
        };
    };
    endSessions: {
        parameters: {
            query?: {
                scope?: components["schemas"]["SessionScope"];
            };
            header?: {
                /** @description A random value that the client makes for one request and sends with each of its retries: they get the first answer. Quoted or not */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A confirmation for people */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Set-Cookie": components["headers"]["Set-Cookie"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Message"];
                };
            };
            /**
             * @description `VALIDATION_FAILED`: The request is not valid.
             *
             *     `INVALID_JSON`: The body is not valid JSON in UTF-8.
             *
             *     `BAD_REQUEST`: The request is malformed.
             */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            401: components["responses"]["Unauthenticated"];
            /**
             * @description `SCOPE_MISSING`: The token lacks the scope is refused, with the reason.
             *
             *     `CROSS_SITE`: This request may not come from another site.
             */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "WWW-Authenticate": components["headers"]["InsufficientScope"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            408: components["responses"]["RequestTimeout"];
            409: components["responses"]["IdempotencyInProgress"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["IdempotencyKeyReused"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["InternalError"];
            /**
             * @description `OUTCOME_UNKNOWN`: The change may have been made or not: repeat the request with the same Idempotency-Key, or read the resource first.
             *
             *     `OVERLOADED`: The server has too much to do. Try again shortly.
             *
             *     `SERVICE_UNAVAILABLE`: Try again shortly.
             */
            503: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Retry-After": components["headers"]["Retry-After"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            default: components["responses"]["UnexpectedError"];
        };
    };
    endSession: {
        parameters: {
            query?: never;
            header?: {
                /** @description A random value that the client makes for one request and sends with each of its retries: they get the first answer. Quoted or not */
                "Idempotency-Key"?: string;
            };
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A confirmation for people */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Set-Cookie": components["headers"]["Set-Cookie"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Message"];
                };
            };
            /**
             * @description `VALIDATION_FAILED`: The request is not valid.
             *
             *     `INVALID_JSON`: The body is not valid JSON in UTF-8.
             *
             *     `BAD_REQUEST`: The request is malformed.
             */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            401: components["responses"]["Unauthenticated"];
            /**
             * @description `SCOPE_MISSING`: The token lacks the scope is refused, with the reason.
             *
             *     `CROSS_SITE`: This request may not come from another site.
             */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "WWW-Authenticate": components["headers"]["InsufficientScope"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            404: components["responses"]["ReplayableSessionNotFound"];
            408: components["responses"]["RequestTimeout"];
            409: components["responses"]["IdempotencyInProgress"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["IdempotencyKeyReused"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["InternalError"];
            /**
             * @description `OUTCOME_UNKNOWN`: The change may have been made or not: repeat the request with the same Idempotency-Key, or read the resource first.
             *
             *     `OVERLOADED`: The server has too much to do. Try again shortly.
             *
             *     `SERVICE_UNAVAILABLE`: Try again shortly.
             */
            503: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Retry-After": components["headers"]["Retry-After"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            default: components["responses"]["UnexpectedError"];
        };
    };
    logoutByGet: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A confirmation for people */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Set-Cookie": components["headers"]["Set-Cookie"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Message"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["CrossSite"];
            408: components["responses"]["RequestTimeout"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["InternalError"];
            /**
             * @description `OUTCOME_UNKNOWN`: The change may have been made or not: repeat the request with the same Idempotency-Key, or read the resource first.
             *
             *     `OVERLOADED`: The server has too much to do. Try again shortly.
             *
             *     `SERVICE_UNAVAILABLE`: Try again shortly.
             */
            503: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Retry-After": components["headers"]["Retry-After"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            default: components["responses"]["UnexpectedError"];
        };
    };
    logout: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A confirmation for people */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Set-Cookie": components["headers"]["Set-Cookie"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Message"];
                };
            };
            /**
             * @description `VALIDATION_FAILED`: The request is not valid.
             *
             *     `INVALID_JSON`: The body is not valid JSON in UTF-8.
             *
             *     `BAD_REQUEST`: The request is malformed.
             */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["CrossSite"];
            408: components["responses"]["RequestTimeout"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["InternalError"];
            /**
             * @description `OUTCOME_UNKNOWN`: The change may have been made or not: repeat the request with the same Idempotency-Key, or read the resource first.
             *
             *     `OVERLOADED`: The server has too much to do. Try again shortly.
             *
             *     `SERVICE_UNAVAILABLE`: Try again shortly.
             */
            503: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Retry-After": components["headers"]["Retry-After"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            default: components["responses"]["UnexpectedError"];
        };
    };
    introspect: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/x-www-form-urlencoded": components["schemas"]["IntrospectionRequest"];
            };
        };
        responses: {
            /** @description What a credential is */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Introspection"];
                };
            };
            /**
             * @description `VALIDATION_FAILED`: The request is not valid.
             *
             *     `INVALID_JSON`: The body is not valid JSON in UTF-8.
             *
             *     `BAD_REQUEST`: The request is malformed.
             */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /**
             * @description `UNAUTHENTICATED`: The request has no valid session or token.
             *
             *     `NOT_PERMITTED`: This account may not do this.
             */
            401: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "WWW-Authenticate": components["headers"]["WWW-Authenticate"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /**
             * @description `SCOPE_MISSING`: The token lacks the scope is refused, with the reason.
             *
             *     `CROSS_SITE`: This request may not come from another site.
             */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "WWW-Authenticate": components["headers"]["InsufficientScope"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            408: components["responses"]["RequestTimeout"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["InternalError"];
            /**
             * @description `OUTCOME_UNKNOWN`: The change may have been made or not: repeat the request with the same Idempotency-Key, or read the resource first.
             *
             *     `OVERLOADED`: The server has too much to do. Try again shortly.
             *
             *     `SERVICE_UNAVAILABLE`: Try again shortly.
             */
            503: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Retry-After": components["headers"]["Retry-After"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            default: components["responses"]["UnexpectedError"];
        };
    };
    introspectBatch: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["IntrospectionBatchRequest"];
            };
        };
        responses: {
            /** @description A result for each credential, in the same order */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["IntrospectionBatch"];
                };
            };
            /**
             * @description `VALIDATION_FAILED`: The request is not valid.
             *
             *     `INVALID_JSON`: The body is not valid JSON in UTF-8.
             *
             *     `BAD_REQUEST`: The request is malformed.
             */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /**
             * @description `UNAUTHENTICATED`: The request has no valid session or token.
             *
             *     `NOT_PERMITTED`: This account may not do this.
             */
            401: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "WWW-Authenticate": components["headers"]["WWW-Authenticate"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /**
             * @description `SCOPE_MISSING`: The token lacks the scope is refused, with the reason.
             *
             *     `CROSS_SITE`: This request may not come from another site.
             */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "WWW-Authenticate": components["headers"]["InsufficientScope"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            408: components["responses"]["RequestTimeout"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["InternalError"];
            /**
             * @description `OUTCOME_UNKNOWN`: The change may have been made or not: repeat the request with the same Idempotency-Key, or read the resource first.
             *
             *     `OVERLOADED`: The server has too much to do. Try again shortly.
             *
             *     `SERVICE_UNAVAILABLE`: Try again shortly.
             */
            503: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Retry-After": components["headers"]["Retry-After"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            default: components["responses"]["UnexpectedError"];
        };
    };
    listTokens: {
        parameters: {
            query?: {
                /** @description a whole number from 1 to 100 */
                limit?: number;
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of a list, and the cursor of the next page */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    Link: components["headers"]["Link"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TokenPage"];
                };
            };
            /**
             * @description `VALIDATION_FAILED`: The request is not valid.
             *
             *     `BAD_REQUEST`: The request is malformed.
             */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /**
             * @description `UNAUTHENTICATED`: The request has no valid session or token.
             *
             *     `SESSION_REQUIRED`: A token may not do this: log in.
             */
            401: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "WWW-Authenticate": components["headers"]["WWW-Authenticate"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            408: components["responses"]["RequestTimeout"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["InternalError"];
            /**
             * @description `OVERLOADED`: The server has too much to do. Try again shortly.
             *
             *     `SERVICE_UNAVAILABLE`: Try again shortly.
             */
            503: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Retry-After": components["headers"]["Retry-After"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            default: components["responses"]["UnexpectedError"];
        };
    };
    createToken: {
        parameters: {
            query?: never;
            header?: {
                /** @description A random value that the client makes for one request and sends with each of its retries: they get the first answer. Quoted or not */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["TokenRequest"];
            };
        };
        responses: {
            /** @description The only response that holds the secret token itself */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["IssuedToken"];
                };
            };
            /**
             * @description `VALIDATION_FAILED`: The request is not valid.
             *
             *     `INVALID_JSON`: The body is not valid JSON in UTF-8.
             *
             *     `BAD_REQUEST`: The request is malformed.
             */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /**
             * @description `UNAUTHENTICATED`: The request has no valid session or token.
             *
             *     `SESSION_REQUIRED`: A token may not do this: log in.
             *
             *     `NOT_PERMITTED`: This account may not do this.
             */
            401: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "WWW-Authenticate": components["headers"]["WWW-Authenticate"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            403: components["responses"]["CrossSite"];
            408: components["responses"]["RequestTimeout"];
            /**
             * @description `TOKEN_LIMIT`: The account has as many tokens as it may have. End one first.
             *
             *     `IDEMPOTENCY_IN_PROGRESS`: A request with this Idempotency-Key is still being processed. Try again shortly.
             */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    "Retry-After": components["headers"]["RetryAfterInProgress"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["IdempotencyKeyReused"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["InternalError"];
            /**
             * @description `OUTCOME_UNKNOWN`: The change may have been made or not: repeat the request with the same Idempotency-Key, or read the resource first.
             *
             *     `OVERLOADED`: The server has too much to do. Try again shortly.
             *
             *     `SERVICE_UNAVAILABLE`: Try again shortly.
             */
            503: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Retry-After": components["headers"]["Retry-After"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            default: components["responses"]["UnexpectedError"];
        };
    };
    endToken: {
        parameters: {
            query?: never;
            header?: {
                /** @description A random value that the client makes for one request and sends with each of its retries: they get the first answer. Quoted or not */
                "Idempotency-Key"?: string;
            };
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A confirmation for people */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Message"];
                };
            };
            /**
             * @description `VALIDATION_FAILED`: The request is not valid.
             *
             *     `INVALID_JSON`: The body is not valid JSON in UTF-8.
             *
             *     `BAD_REQUEST`: The request is malformed.
             */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /**
             * @description `UNAUTHENTICATED`: The request has no valid session or token.
             *
             *     `SESSION_REQUIRED`: A token may not do this: log in.
             */
            401: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "WWW-Authenticate": components["headers"]["WWW-Authenticate"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            403: components["responses"]["CrossSite"];
            404: components["responses"]["ReplayableTokenNotFound"];
            408: components["responses"]["RequestTimeout"];
            409: components["responses"]["IdempotencyInProgress"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["IdempotencyKeyReused"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["InternalError"];
            /**
             * @description `OUTCOME_UNKNOWN`: The change may have been made or not: repeat the request with the same Idempotency-Key, or read the resource first.
             *
             *     `OVERLOADED`: The server has too much to do. Try again shortly.
             *
             *     `SERVICE_UNAVAILABLE`: Try again shortly.
             */
            503: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Retry-After": components["headers"]["Retry-After"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            default: components["responses"]["UnexpectedError"];
        };
    };
    updatePassword: {
        parameters: {
            query?: never;
            header?: {
                /** @description Versions of the account, as in `ETag`. The change is made only if it has one of them */
                "If-Match"?: string;
                /** @description A random value that the client makes for one request and sends with each of its retries: they get the first answer. Quoted or not */
                "Idempotency-Key"?: string;
            };
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PasswordChange"];
            };
        };
        responses: {
            /** @description A confirmation for people */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Message"];
                };
            };
            /**
             * @description `VALIDATION_FAILED`: The request is not valid.
             *
             *     `INVALID_JSON`: The body is not valid JSON in UTF-8.
             *
             *     `BAD_REQUEST`: The request is malformed.
             *
             *     `WRONG_CURRENT_PASSWORD`: The current password is wrong.
             *
             *     `PASSWORD_REFUSED`: The password is refused, with the reason.
             */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /**
             * @description `UNAUTHENTICATED`: The request has no valid session or token.
             *
             *     `SESSION_REQUIRED`: A token may not do this: log in.
             *
             *     `NOT_PERMITTED`: This account may not do this.
             */
            401: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "WWW-Authenticate": components["headers"]["WWW-Authenticate"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /**
             * @description `PASSWORD_MISSING`: A password is required.
             *
             *     `CROSS_SITE`: This request may not come from another site.
             */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            404: components["responses"]["ReplayableUserNotFound"];
            408: components["responses"]["RequestTimeout"];
            /**
             * @description `NO_PASSWORD`: A service account has no password.
             *
             *     `IDEMPOTENCY_IN_PROGRESS`: A request with this Idempotency-Key is still being processed. Try again shortly.
             */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    "Retry-After": components["headers"]["RetryAfterInProgress"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            412: components["responses"]["ReplayablePreconditionFailed"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["IdempotencyKeyReused"];
            /**
             * @description `TOO_MANY_REQUESTS`: Too many requests from this address.
             *
             *     `LOGIN_THROTTLED`: Too many wrong passwords. Wait before the next attempt.
             */
            429: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Retry-After": components["headers"]["Retry-After"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["InternalError"];
            /**
             * @description `HASH_CAPACITY`: The server is checking too many passwords. Try again shortly.
             *
             *     `OUTCOME_UNKNOWN`: The change may have been made or not: repeat the request with the same Idempotency-Key, or read the resource first.
             *
             *     `OVERLOADED`: The server has too much to do. Try again shortly.
             *
             *     `SERVICE_UNAVAILABLE`: Try again shortly.
             */
            503: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Retry-After": components["headers"]["Retry-After"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            default: components["responses"]["UnexpectedError"];
        };
    };
    listUsers: {
        parameters: {
            query?: {
                /** @description a whole number from 1 to 100 */
                limit?: number;
                cursor?: string;
                /** @description what the username begins with, case-insensitive */
                prefix?: string;
                role?: components["schemas"]["Role"];
                kind?: components["schemas"]["AccountKind"];
                disabled?: boolean;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of a list, and the cursor of the next page */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    Link: components["headers"]["Link"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ManagedUserPage"];
                };
            };
            /**
             * @description `VALIDATION_FAILED`: The request is not valid.
             *
             *     `BAD_REQUEST`: The request is malformed.
             */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /**
             * @description `UNAUTHENTICATED`: The request has no valid session or token.
             *
             *     `NOT_PERMITTED`: This account may not do this.
             */
            401: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "WWW-Authenticate": components["headers"]["WWW-Authenticate"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            403: components["responses"]["ScopeMissing"];
            408: components["responses"]["RequestTimeout"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["InternalError"];
            /**
             * @description `OVERLOADED`: The server has too much to do. Try again shortly.
             *
             *     `SERVICE_UNAVAILABLE`: Try again shortly.
             */
            503: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Retry-After": components["headers"]["Retry-After"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            default: components["responses"]["UnexpectedError"];
        };
    };
    createService: {
        parameters: {
            query?: never;
            header?: {
                /** @description A random value that the client makes for one request and sends with each of its retries: they get the first answer. Quoted or not */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ServiceRequest"];
            };
        };
        responses: {
            /** @description An account, as admins see it */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ManagedUser"];
                };
            };
            /**
             * @description `VALIDATION_FAILED`: The request is not valid.
             *
             *     `INVALID_JSON`: The body is not valid JSON in UTF-8.
             *
             *     `BAD_REQUEST`: The request is malformed.
             *
             *     `USERNAME_TAKEN`: An account with this name exists already.
             */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /**
             * @description `UNAUTHENTICATED`: The request has no valid session or token.
             *
             *     `NOT_PERMITTED`: This account may not do this.
             */
            401: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "WWW-Authenticate": components["headers"]["WWW-Authenticate"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /**
             * @description `SCOPE_MISSING`: The token lacks the scope is refused, with the reason.
             *
             *     `TOKEN_LIMITED`: A limited token may not make an admin, or let one do more.
             *
             *     `CROSS_SITE`: This request may not come from another site.
             */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "WWW-Authenticate": components["headers"]["InsufficientScope"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            408: components["responses"]["RequestTimeout"];
            409: components["responses"]["IdempotencyInProgress"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["IdempotencyKeyReused"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["InternalError"];
            /**
             * @description `OUTCOME_UNKNOWN`: The change may have been made or not: repeat the request with the same Idempotency-Key, or read the resource first.
             *
             *     `OVERLOADED`: The server has too much to do. Try again shortly.
             *
             *     `SERVICE_UNAVAILABLE`: Try again shortly.
             */
            503: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Retry-After": components["headers"]["Retry-After"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            default: components["responses"]["UnexpectedError"];
        };
    };
    listUserSessions: {
        parameters: {
            query?: {
                /** @description a whole number from 1 to 100 */
                limit?: number;
                cursor?: string;
            };
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of a list, and the cursor of the next page */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    Link: components["headers"]["Link"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SessionPage"];
                };
            };
            /**
             * @description `VALIDATION_FAILED`: The request is not valid.
             *
             *     `BAD_REQUEST`: The request is malformed.
             */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /**
             * @description `UNAUTHENTICATED`: The request has no valid session or token.
             *
             *     `NOT_PERMITTED`: This account may not do this.
             */
            401: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "WWW-Authenticate": components["headers"]["WWW-Authenticate"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            403: components["responses"]["ScopeMissing"];
            404: components["responses"]["UserNotFound"];
            408: components["responses"]["RequestTimeout"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["InternalError"];
            /**
             * @description `OVERLOADED`: The server has too much to do. Try again shortly.
             *
             *     `SERVICE_UNAVAILABLE`: Try again shortly.
             */
            503: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Retry-After": components["headers"]["Retry-After"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            default: components["responses"]["UnexpectedError"];
        };
    };
    endUserSessions: {
        parameters: {
            query?: never;
            header?: {
                /** @description A random value that the client makes for one request and sends with each of its retries: they get the first answer. Quoted or not */
                "Idempotency-Key"?: string;
            };
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A confirmation for people */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Set-Cookie": components["headers"]["Set-Cookie"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Message"];
                };
            };
            /**
             * @description `VALIDATION_FAILED`: The request is not valid.
             *
             *     `INVALID_JSON`: The body is not valid JSON in UTF-8.
             *
             *     `BAD_REQUEST`: The request is malformed.
             */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /**
             * @description `UNAUTHENTICATED`: The request has no valid session or token.
             *
             *     `NOT_PERMITTED`: This account may not do this.
             */
            401: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "WWW-Authenticate": components["headers"]["WWW-Authenticate"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /**
             * @description `SCOPE_MISSING`: The token lacks the scope is refused, with the reason.
             *
             *     `CROSS_SITE`: This request may not come from another site.
             */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "WWW-Authenticate": components["headers"]["InsufficientScope"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            404: components["responses"]["ReplayableUserNotFound"];
            408: components["responses"]["RequestTimeout"];
            409: components["responses"]["IdempotencyInProgress"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["IdempotencyKeyReused"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["InternalError"];
            /**
             * @description `OUTCOME_UNKNOWN`: The change may have been made or not: repeat the request with the same Idempotency-Key, or read the resource first.
             *
             *     `OVERLOADED`: The server has too much to do. Try again shortly.
             *
             *     `SERVICE_UNAVAILABLE`: Try again shortly.
             */
            503: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Retry-After": components["headers"]["Retry-After"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            default: components["responses"]["UnexpectedError"];
        };
    };
    listUserTokens: {
        parameters: {
            query?: {
                /** @description a whole number from 1 to 100 */
                limit?: number;
                cursor?: string;
            };
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of a list, and the cursor of the next page */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    Link: components["headers"]["Link"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TokenPage"];
                };
            };
            /**
             * @description `VALIDATION_FAILED`: The request is not valid.
             *
             *     `BAD_REQUEST`: The request is malformed.
             */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /**
             * @description `UNAUTHENTICATED`: The request has no valid session or token.
             *
             *     `NOT_PERMITTED`: This account may not do this.
             */
            401: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "WWW-Authenticate": components["headers"]["WWW-Authenticate"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            403: components["responses"]["ScopeMissing"];
            404: components["responses"]["UserNotFound"];
            408: components["responses"]["RequestTimeout"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["InternalError"];
            /**
             * @description `OVERLOADED`: The server has too much to do. Try again shortly.
             *
             *     `SERVICE_UNAVAILABLE`: Try again shortly.
             */
            503: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Retry-After": components["headers"]["Retry-After"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            default: components["responses"]["UnexpectedError"];
        };
    };
    createServiceToken: {
        parameters: {
            query?: never;
            header?: {
                /** @description A random value that the client makes for one request and sends with each of its retries: they get the first answer. Quoted or not */
                "Idempotency-Key"?: string;
            };
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["TokenRequest"];
            };
        };
        responses: {
            /** @description The only response that holds the secret token itself */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["IssuedToken"];
                };
            };
            /**
             * @description `VALIDATION_FAILED`: The request is not valid.
             *
             *     `INVALID_JSON`: The body is not valid JSON in UTF-8.
             *
             *     `BAD_REQUEST`: The request is malformed.
             */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /**
             * @description `UNAUTHENTICATED`: The request has no valid session or token.
             *
             *     `SESSION_REQUIRED`: A token may not do this: log in.
             *
             *     `NOT_PERMITTED`: This account may not do this.
             */
            401: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "WWW-Authenticate": components["headers"]["WWW-Authenticate"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            403: components["responses"]["CrossSite"];
            404: components["responses"]["ReplayableUserNotFound"];
            408: components["responses"]["RequestTimeout"];
            /**
             * @description `ACCOUNT_DISABLED`: The account is disabled. Enable it first.
             *
             *     `NOT_A_SERVICE`: This account is not a service account.
             *
             *     `TOKEN_LIMIT`: The account has as many tokens as it may have. End one first.
             *
             *     `IDEMPOTENCY_IN_PROGRESS`: A request with this Idempotency-Key is still being processed. Try again shortly.
             */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    "Retry-After": components["headers"]["RetryAfterInProgress"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["IdempotencyKeyReused"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["InternalError"];
            /**
             * @description `OUTCOME_UNKNOWN`: The change may have been made or not: repeat the request with the same Idempotency-Key, or read the resource first.
             *
             *     `OVERLOADED`: The server has too much to do. Try again shortly.
             *
             *     `SERVICE_UNAVAILABLE`: Try again shortly.
             */
            503: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Retry-After": components["headers"]["Retry-After"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            default: components["responses"]["UnexpectedError"];
        };
    };
    endUserToken: {
        parameters: {
            query?: never;
            header?: {
                /** @description A random value that the client makes for one request and sends with each of its retries: they get the first answer. Quoted or not */
                "Idempotency-Key"?: string;
            };
            path: {
                id: number;
                tokenId: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A confirmation for people */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Message"];
                };
            };
            /**
             * @description `VALIDATION_FAILED`: The request is not valid.
             *
             *     `INVALID_JSON`: The body is not valid JSON in UTF-8.
             *
             *     `BAD_REQUEST`: The request is malformed.
             */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /**
             * @description `UNAUTHENTICATED`: The request has no valid session or token.
             *
             *     `NOT_PERMITTED`: This account may not do this.
             */
            401: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "WWW-Authenticate": components["headers"]["WWW-Authenticate"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /**
             * @description `SCOPE_MISSING`: The token lacks the scope is refused, with the reason.
             *
             *     `CROSS_SITE`: This request may not come from another site.
             */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "WWW-Authenticate": components["headers"]["InsufficientScope"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /**
             * @description `USER_NOT_FOUND`: There is no such account.
             *
             *     `TOKEN_NOT_FOUND`: There is no such token.
             */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            408: components["responses"]["RequestTimeout"];
            409: components["responses"]["IdempotencyInProgress"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["IdempotencyKeyReused"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["InternalError"];
            /**
             * @description `OUTCOME_UNKNOWN`: The change may have been made or not: repeat the request with the same Idempotency-Key, or read the resource first.
             *
             *     `OVERLOADED`: The server has too much to do. Try again shortly.
             *
             *     `SERVICE_UNAVAILABLE`: Try again shortly.
             */
            503: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Retry-After": components["headers"]["Retry-After"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            default: components["responses"]["UnexpectedError"];
        };
    };
    listEvents: {
        parameters: {
            query?: {
                /** @description a whole number from 1 to 100 */
                limit?: number;
                cursor?: string;
                type?: components["schemas"]["EventType"];
                userId?: number;
                order?: components["schemas"]["EventOrder"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of a list, and the cursor of the next page */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    Link: components["headers"]["Link"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EventPage"];
                };
            };
            /**
             * @description `VALIDATION_FAILED`: The request is not valid.
             *
             *     `BAD_REQUEST`: The request is malformed.
             */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /**
             * @description `UNAUTHENTICATED`: The request has no valid session or token.
             *
             *     `NOT_PERMITTED`: This account may not do this.
             */
            401: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "WWW-Authenticate": components["headers"]["WWW-Authenticate"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            403: components["responses"]["ScopeMissing"];
            408: components["responses"]["RequestTimeout"];
            429: components["responses"]["TooManyRequests"];
            431: components["responses"]["HeadersTooLarge"];
            500: components["responses"]["InternalError"];
            /**
             * @description `OVERLOADED`: The server has too much to do. Try again shortly.
             *
             *     `SERVICE_UNAVAILABLE`: Try again shortly.
             */
            503: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Retry-After": components["headers"]["Retry-After"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiError"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            default: components["responses"]["UnexpectedError"];
        };
    };
}
