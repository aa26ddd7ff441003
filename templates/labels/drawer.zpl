{%- extends "label.zpl" -%}
{%- block drawing %}
{{- parts.rule(20, 46, 976) }}{{ parts.rule(20, 187, 976) }}{{ parts.rule(20, 432, 976) }}{{ parts.rule(20, 530, 976) }}
{%- if label.tall %}{{ parts.rule(20, 762, 976) }}{% endif %}
{%- if label.test %}{{ parts.stripes(0, 1001, 50, 740) }}{% endif %}
{%- endblock %}
